"""What returns in each part of a song is asked for: where the part's source played, and what it played there.

Every part has a form of its own (``midi_data.analysis.repetition``): the drums may return as they were beneath a new
tune. Knows forms
and lookback; nothing of tendencies or of how classes are drawn.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from midi_data.analysis.activity import Activity
from midi_data.analysis.repetition import lag_index, similarity_level

BACK = (0.0, 1.5, 3.5, 8.0)
"""Added to what the source held in a new, a varied, a nearly same and a same bar. Without it varied bars of songs were
half as like their source as those of real pieces: one slip leads to the next."""


class RepetitionBias:
    """What returns in each part of a song, from which of ``LAGS``, and how strongly it is asked for."""

    def __init__(self, band: Sequence[int], part_repetition: Activity, repetition_strength: float = 1.0) -> None:
        """``part_repetition`` (bars, parts of ``band``) labels; ``repetition_strength``: factor on ``BACK``."""
        repetitions = part_repetition.astype(np.int64)
        rows = zip(similarity_level(repetitions).tolist(), lag_index(repetitions).tolist(), strict=True)
        self._bars: list[dict[int, tuple[int, int]]] = [
            dict(zip(band, zip(activity, lags, strict=True), strict=True)) for activity, lags in rows
        ]
        self._backs = [repetition_strength * back for back in BACK]

    def level(self, bar: int, part: int) -> int:
        """How alike ``part`` is in ``bar`` to what it played before: 0 new … 3 the same."""
        return self._bars[bar][part][0]

    def lean_note(self, classes: list[int], logits: list[float], lookback: list[int], bar: int, part: int) -> None:
        """Add to the class of a note's field that the source of ``part`` held: one of ``lookback``, by lags."""
        level, lag = self._bars[bar][part]
        if level:
            _add(classes, logits, lookback[lag], self._backs[level])

    def lean_part(self, classes: list[int], logits: list[float], lookback: list[int], bar: int) -> None:
        """Add to each part that plays at this place in its own source."""
        parts = self._bars[bar]
        for place in range(len(classes) - 1, -1, -1):
            part = classes[place]
            level, lag = parts[part]
            if level and lookback[lag] == part:
                _hold(logits, place, self._backs[level])


def _add(classes: list[int], logits: list[float], held: int, bonus: float) -> None:
    place = bisect_left(classes, held)
    if place < len(classes) and classes[place] == held:
        logits[place] += bonus


def _hold(logits: list[float], place: int, bonus: float) -> None:
    """Add to the class at ``place`` at the cost of those after it only, which would pass it over."""
    top: float = max(logits[place:])
    weights = [math.exp(logit - top) for logit in logits[place:]]
    before: float = sum(weights, 0.0)
    weights[0] *= math.exp(bonus)
    after: float = sum(weights, 0.0)
    less = math.log(before / after)
    for later in range(place, len(logits)):
        logits[later] += less
    logits[place] += bonus
