"""A song's parts lean towards the tendencies of the piece that lends its arrangement, more the further they stray.

A network that is drawn from follows its own slips: a part that has played short notes for a while goes on so. Here each
part's own shares so far (with the tendency itself as ``PRIOR`` notes heard before the first) are held against the
tendency, and the log of their ratio is added to the logits. On course that is 0 and the network alone decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.attribute_histograms import (
    COLUMNS,
    FULL,
    KINDS,
    TIME_SHIFT_BINS,
    AttributeHistograms,
    gap_bin,
    register_bin,
    step_bin,
    time_shift_bin,
    tone_bin,
    transposed_histograms,
)
from midi_data.analysis.histograms import GAP_EDGES
from midi_data.events.encoding import MAX_SHIFT, VOCABULARY, part_instrument

Row = NDArray[np.float64]

PRIOR = 12.0
FLOOR = 0.004
"""Shares below this are alike: what never happens is not infinitely wrong."""
NOTES_BETWEEN_LOOKS = 4
"""A part's shares change slowly: they are held against its tendency after so many of its notes."""
EVENTS_BETWEEN_LOOKS = 16
STRENGTHS = (1.0, 0.6, 0.2, 0.0)
"""How strongly parts lean where they are new, varied, nearly the same, the same."""
TIME_SHIFT_STRENGTH = 2.0
"""How much more strongly the band's pace leans: what a network falls into is to play everything at once."""
_ALL_PITCHES = np.arange(VOCABULARY["pitch"])
_TONES: list[int] = tone_bin(_ALL_PITCHES).tolist()
_REGISTERS: list[int] = register_bin(_ALL_PITCHES).tolist()
_STEPS: list[int] = step_bin(np.append(_ALL_PITCHES, -_ALL_PITCHES[:0:-1])).tolist()
"""Bins of steps up, then from the end on (negative indices) of steps down."""
_PACES: list[int] = [*time_shift_bin(np.append(np.arange(MAX_SHIFT), MAX_SHIFT)).tolist(), TIME_SHIFT_BINS]
"""Of advances, the wait, and the end, whose bin is the one after the last."""
_LONGEST_GAP = GAP_EDGES[-1]
_GAPS: list[int] = gap_bin(np.arange(_LONGEST_GAP + 1)).tolist()
_LEANT = [kind for kind in KINDS if kind != "place"]
"""Where in the bar notes fall is told to the network only: leaning to it was tried and gained nothing."""


class HistogramBias:
    """How each part of one song leans. ``lean`` before a class is chosen, ``heard`` after each note."""

    def __init__(self, attribute_histograms: Mapping[int, Row], time_shift_histogram: Row) -> None:
        """``attribute_histograms``: part class → (255,) shares; those of an attribute sum to 1 or are all 0.

        ``time_shift_histogram``: the band's (``TIME_SHIFT_BINS``,), or all 0.
        """
        self._target = _TimeShiftBias(time_shift_histogram)
        self._parts = {
            part: _PartBias(row, is_drum=part_instrument(part)[1]) for part, row in attribute_histograms.items()
        }

    def lean(self, field: str, classes: list[int], logits: list[float], part: int, tick: int, level: int) -> None:
        """Add to the ``logits`` of the ``classes`` that may come next in a note's ``field`` at ``tick``.

        ``part``: the one chosen, for the fields after it. ``level``: how alike this is to be to what was there before.
        """
        strength = STRENGTHS[level]
        if strength == 0:
            return
        if field == "time_shift":
            bonuses = self._target.for_advances(classes)
        elif field == "part":
            bonuses = [self._parts[each].for_onset(tick) if each in self._parts else 0.0 for each in classes]
        elif part in self._parts:
            own = self._parts[part]
            bonuses = own.for_pitches(classes, tick) if field == "pitch" else own.for_classes(field, classes)
        else:
            return
        for index, bonus in enumerate(bonuses):
            logits[index] += strength * bonus

    def heard(self, tick: int, part: int, pitch: int, duration: int, velocity: int) -> None:
        """Take note of a note."""
        self._target.hear(tick)
        if part in self._parts:
            self._parts[part].hear(tick, pitch, duration, velocity)


class _TimeShiftBias:
    """How the band has moved on so far, and the bonus of each bin that it leads to."""

    def __init__(self, time_shift_histogram: Row) -> None:
        self._target: list[float] = time_shift_histogram.tolist()
        self._counts = [0] * TIME_SHIFT_BINS
        self._events = self._tick = 0
        self._bonus = [0.0] * (TIME_SHIFT_BINS + 1)

    def for_advances(self, classes: list[int]) -> list[float]:
        """Of advances and the wait; the end does not lean."""
        bonus = self._bonus
        return [bonus[_PACES[each]] for each in classes]

    def hear(self, tick: int) -> None:
        """Count the advance to an event at ``tick``."""
        self._counts[_PACES[min(tick - self._tick, MAX_SHIFT)]] += 1
        self._tick = tick
        self._events += 1
        if self._events % EVENTS_BETWEEN_LOOKS == 0:
            self._bonus = [*bonuses(self._target, self._counts, TIME_SHIFT_STRENGTH), 0.0]


class _PartBias:
    """One part's counts so far, and the bonus of each bin that they lead to. Lists: a handful of bins are looked up."""

    def __init__(self, tendency: Row, *, is_drum: bool) -> None:
        self._is_drum = is_drum
        self._tendency: dict[str, list[float]] = {kind: tendency[COLUMNS[kind]].tolist() for kind in _LEANT}
        self._counts: dict[str, list[int]] = {kind: [0] * KINDS[kind] for kind in _LEANT}
        self._bonus: dict[str, list[float]] = {kind: [0.0] * KINDS[kind] for kind in _LEANT}
        self._notes = 0
        self._onset = self._pitch = -1

    def for_onset(self, tick: int) -> float:
        """The bonus of an onset of this part at ``tick``, by the gap it would make."""
        if self._onset < 0 or tick <= self._onset:
            return 0.0
        return self._bonus["gap"][_GAPS[min(tick - self._onset, _LONGEST_GAP)]]

    def for_pitches(self, pitches: list[int], tick: int) -> list[float]:
        """By tone and register; for the lowest note of an onset also by the step from the onset before."""
        tones, registers = self._bonus["tone"], self._bonus["register"]
        if self._is_drum or self._onset < 0 or self._onset == tick:
            return [tones[_TONES[p]] + registers[_REGISTERS[p]] for p in pitches]
        steps, before = self._bonus["step"], self._pitch
        return [tones[_TONES[p]] + registers[_REGISTERS[p]] + steps[_STEPS[p - before]] for p in pitches]

    def for_classes(self, field: str, classes: list[int]) -> list[float]:
        """Of lengths and velocities."""
        bonus = self._bonus[field]
        return [bonus[each] for each in classes]

    def hear(self, tick: int, pitch: int, duration: int, velocity: int) -> None:
        """Count a note; the lowest of an onset also makes a step and a gap."""
        counts = self._counts
        counts["duration"][duration] += 1
        counts["velocity"][velocity] += 1
        counts["tone"][_TONES[pitch]] += 1
        counts["register"][_REGISTERS[pitch]] += 1
        if tick != self._onset:
            if self._onset >= 0:
                counts["gap"][_GAPS[min(tick - self._onset, _LONGEST_GAP)]] += 1
                if not self._is_drum:
                    counts["step"][_STEPS[pitch - self._pitch]] += 1
            self._onset, self._pitch = tick, pitch
        self._notes += 1
        if self._notes % NOTES_BETWEEN_LOOKS == 0:
            self._bonus = {kind: bonuses(self._tendency[kind], counts[kind], 1.0) for kind in _LEANT}


def bonuses(wanted: list[float], counts: list[int], strength: float) -> list[float]:
    """Of each bin: the log of its share ``wanted`` over that of ``counts`` so far; 0 where nothing is wanted."""
    if not any(wanted):
        return [0.0] * len(wanted)
    prior, floor, heard = PRIOR, FLOOR, sum(counts) + PRIOR
    found = []
    for share, count in zip(wanted, counts, strict=True):
        so_far = (count + prior * share) / heard
        found.append(strength * math.log((share + floor) / (so_far + floor)))
    return found


def template_histograms(
    band: Sequence[int], heard: Sequence[int], rows: AttributeHistograms, semitones: int, *, same_mode: bool
) -> dict[int, Row]:
    """The shares of each part of ``band`` that the piece heard has; parts without any are left out.

    ``heard``: that piece's parts, a row of ``rows`` each. Pitches move by ``semitones``; another mode frees tones.
    """
    found = {}
    moved = transposed_histograms(rows / FULL, heard, semitones)
    for part in set(band) & set(heard):
        row = moved[list(heard).index(part)]
        if not part_instrument(part)[1]:
            row[COLUMNS["tone"]] *= same_mode
        if row.any():
            found[part] = row
    return dict(sorted(found.items()))
