"""What returns in each part of a song is asked for: where the part's source played, and what it played there.

Every part has a form of its own (``midi_data.form``): the drums may return as they were beneath a new tune. Knows forms
and lookback; nothing of tendencies or of how classes are drawn.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from midi_data.arrangement import TYPICAL_NOTES, Levels
from midi_data.events import Ints
from midi_data.form import level_of, source_of
from midi_data.lookback import Look

BACK = (0.0, 1.5, 3.5, 8.0)
"""Added to what the source held in a new, a varied, a nearly same and a same bar. Without it varied bars of songs were
half as like their source as those of real pieces: one slip leads to the next."""
LOOSE = (1.0, 0.6, 0.0, 0.0)
"""The share of notes that are not the source's in a new, a varied, a nearly same and a same part."""
LEAST_LOOSE = 0.02
NEARLY = 2
"""The level of a part that is nearly the same."""


class Returned:
    """What returns in each part of a song, from which of ``LAGS``, and how strongly it is asked for."""

    def __init__(self, band: Sequence[int], part_forms: Levels, levels: Levels, returns: float = 1.0) -> None:
        """``part_forms`` and ``levels`` (bars, parts of ``band``): ``midi_data.form``, ``midi_data.arrangement``.

        ``returns``: times ``BACK``.
        """
        forms = part_forms.astype(np.int64)
        rows = zip(level_of(forms).tolist(), source_of(forms).tolist(), strict=True)
        self._bars = [dict(zip(band, zip(levels, lags, strict=True), strict=True)) for levels, lags in rows]
        self._loose = _log_loose(levels, level_of(forms))
        self._backs = [returns * back for back in BACK]

    def level(self, bar: int, part: int) -> int:
        """How alike ``part`` is in ``bar`` to what it played before: 0 new … 3 the same."""
        level: int = self._bars[bar][part][0]
        return level

    def lean_note(
        self, classes: Sequence[int], logits: list[float], looked: Sequence[int], bar: int, part: int
    ) -> None:
        """Add to the class of a note's field that the source of ``part`` held: one of ``looked``, by lags."""
        level, lag = self._bars[bar][part]
        if level:
            _add(classes, logits, looked[lag], self._backs[level])

    def lean_part(self, classes: Sequence[int], logits: list[float], looked: Sequence[int], bar: int) -> None:
        """Add to each part that plays at this place in its own source; one nearly as there keeps silent as there."""
        parts = self._bars[bar]
        for place in range(len(classes) - 1, -1, -1):
            part = classes[place]
            level, lag = parts[part]
            if level and looked[lag] == part:
                _hold(logits, place, self._backs[level])
            elif level >= NEARLY:
                logits[place] -= self._backs[level]

    def lean_advance(self, classes: Sequence[int], logits: list[float], looked: Sequence[Look], bar: int) -> None:
        """Add to the advance to the next note that a part's own source announces: ``looked``, (advance, part, …)."""
        parts = self._bars[bar]
        told = [
            (look[0], self._backs[parts[look[1]][0]])
            for lag, look in enumerate(looked)
            if look[1] in parts and parts[look[1]][1] == lag and parts[look[1]][0]
        ]
        if told:
            first = min(told)[0]
            place = bisect_left(classes, first)
            for sooner in range(place):
                logits[sooner] += self._loose[bar]
            if place < len(classes) and classes[place] == first:
                _hold(logits, place, max(back for advance, back in told if advance == first))


def _log_loose(levels: Levels, likeness: Ints) -> list[float]:
    """(bars,) the log of the share of notes that come from parts which do not return, by levels of both kinds."""
    notes = np.maximum(TYPICAL_NOTES[levels], 0.1)
    share = (notes * np.asarray(LOOSE)[likeness]).sum(axis=1) / notes.sum(axis=1)
    logs: list[float] = np.log(np.maximum(share, LEAST_LOOSE)).tolist()
    return logs


def _add(classes: Sequence[int], logits: list[float], held: int, bonus: float) -> None:
    place = bisect_left(classes, held)
    if place < len(classes) and classes[place] == held:
        logits[place] += bonus


def _hold(logits: list[float], place: int, bonus: float) -> None:
    """Add to the class at ``place`` at the cost of those after it only, which would pass it over."""
    top = max(logits[place:])
    weights = [math.exp(logit - top) for logit in logits[place:]]
    before = sum(weights)
    weights[0] *= math.exp(bonus)
    less = math.log(before / sum(weights))
    for later in range(place, len(logits)):
        logits[later] += less
    logits[place] += bonus
