"""Biases logits towards the attribute histograms of the song's plan, by how far its notes deviate from them so far.

The bias of a bin is the log of its planned share over its share so far, where ``PRIOR`` notes distributed as planned
are counted in advance. A part that follows its histograms gets no bias. It counters the drift of autoregressive
sampling: a part that happened to play short notes goes on with short notes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from composer.decoding.biases.repetition_bias import RepetitionPlan
from composer.decoding.logits_processor import LogitsProcessor
from composer.decoding.parameters import HISTOGRAM_PRIOR as PRIOR
from composer.decoding.parameters import HISTOGRAM_STRENGTHS as STRENGTHS
from composer.decoding.parameters import TIME_SHIFT_STRENGTH
from composer.decoding.song_state import NoteEvent, SongState
from composer.exact import log_array
from midi_data.analysis.attribute_histograms import (
    ATTRIBUTES,
    COLUMNS,
    TIME_SHIFT_BINS,
    gap_bin,
    register_bin,
    step_bin,
    time_shift_bin,
    tone_bin,
)
from midi_data.analysis.histograms import GAP_EDGES
from midi_data.events.encoding import MAX_SHIFT, VOCABULARY, Ints, part_instrument

Row = NDArray[np.float64]

FLOOR = 0.004
"""Added to shares, so that the bias of a bin that is planned to be empty stays finite."""
NOTES_BETWEEN_UPDATES = 4
"""A part's bias is recomputed after so many of its notes."""
EVENTS_BETWEEN_UPDATES = 16
"""The time-shift bias is recomputed after so many events."""
_BIASED = [attribute for attribute in ATTRIBUTES if attribute != "place"]
"""Positions in the bar condition the network only: a bias on them was measured to gain nothing."""
_SIZES = np.array([ATTRIBUTES[name] for name in _BIASED])
_STARTS = np.cumsum([0, *_SIZES])[:-1]
_FIRST: dict[str, int] = dict(zip(_BIASED, _STARTS.tolist(), strict=True))
"""First bin of each attribute in an array of all their bins."""
_ALL_PITCHES = np.arange(VOCABULARY["pitch"])
_TONES: list[int] = (tone_bin(_ALL_PITCHES) + _FIRST["tone"]).tolist()
_REGISTERS: list[int] = (register_bin(_ALL_PITCHES) + _FIRST["register"]).tolist()
_STEPS: list[int] = (step_bin(np.append(_ALL_PITCHES, -_ALL_PITCHES[:0:-1])) + _FIRST["step"]).tolist()
"""Bins of steps up, then from the end on (negative indices) of steps down."""
_TIME_SHIFTS: list[int] = [*time_shift_bin(np.append(np.arange(MAX_SHIFT), MAX_SHIFT)).tolist(), TIME_SHIFT_BINS]
"""Bins of time shifts and waits; the end of the song has the bin after the last."""
_LONGEST_GAP = GAP_EDGES[-1]
_GAPS: list[int] = (gap_bin(np.arange(_LONGEST_GAP + 1)) + _FIRST["gap"]).tolist()


class HistogramBias(LogitsProcessor):
    """Histograms of one song so far, and their bias."""

    def __init__(
        self, attribute_histograms: Mapping[int, Row], time_shift_histogram: Row, plan: RepetitionPlan
    ) -> None:
        """``attribute_histograms``: part class → (255,) shares; those of an attribute sum to 1 or are all 0.

        ``time_shift_histogram`` (21,) shares, or all 0 for no bias.
        """
        self._plan = plan
        self._time_shifts = _TimeShiftBias(time_shift_histogram)
        self._parts = {
            part: _PartBias(row, is_drum=part_instrument(part)[1]) for part, row in attribute_histograms.items()
        }

    def apply(self, field: str, classes: list[int], logits: list[float], state: SongState) -> None:
        """Add the bias of each class, less where the bar repeats another."""
        strength = STRENGTHS[self._plan.level(state.bar_after, state.part)]
        if strength == 0:
            return
        if field == "time_shift":
            bias = self._time_shifts.of_time_shifts(classes)
        elif field == "part":
            tick = state.tick
            bias = [self._parts[part].of_onset(tick) if part in self._parts else 0.0 for part in classes]
        elif state.part in self._parts:
            own = self._parts[state.part]
            bias = own.of_pitches(classes, state.tick) if field == "pitch" else own.of_classes(field, classes)
        else:
            return
        for index, each in enumerate(bias):
            logits[index] += strength * each

    def update(self, note: NoteEvent) -> None:
        """Count a generated note."""
        tick, part, pitch, duration, velocity = note
        self._time_shifts.count(tick)
        if part in self._parts:
            self._parts[part].count(tick, pitch, duration, velocity)


class _TimeShiftBias:
    """Counts of the song's time shifts, and the bias of each bin."""

    def __init__(self, target: Row) -> None:
        self._target, self._strength = target, TIME_SHIFT_STRENGTH * bool(target.any())
        self._counts = [0] * TIME_SHIFT_BINS
        self._events = self._tick = 0
        self._bias = [0.0] * (TIME_SHIFT_BINS + 1)

    def of_time_shifts(self, classes: list[int]) -> list[float]:
        """Bias of time shifts and the wait; 0 for the end."""
        bias = self._bias
        return [bias[_TIME_SHIFTS[each]] for each in classes]

    def count(self, tick: int) -> None:
        """Count the time shift to a note at ``tick``."""
        self._counts[_TIME_SHIFTS[min(tick - self._tick, MAX_SHIFT)]] += 1
        self._tick = tick
        self._events += 1
        if self._events % EVENTS_BETWEEN_UPDATES == 0:
            bias = log_ratios(self._target, np.array(self._counts), self._events)
            self._bias = [*(self._strength * bias).tolist(), 0.0]


class _PartBias:
    """Counts of one part's notes by attribute, and the bias of each bin, attribute after attribute (``_FIRST``)."""

    def __init__(self, target: Row, *, is_drum: bool) -> None:
        self._is_drum = is_drum
        self._target = np.concatenate([target[COLUMNS[name]] for name in _BIASED])
        # 0 for attributes without a target, which get no bias.
        self._strength = (np.add.reduceat(self._target, _STARTS) > 0).repeat(_SIZES).astype(np.float64)
        self._counts = [0] * len(self._target)
        self._bias = [0.0] * len(self._target)
        self._notes = 0
        self._onset = self._pitch = -1

    def of_onset(self, tick: int) -> float:
        """Bias of an onset at ``tick``, by its gap to the last one."""
        if self._onset < 0 or tick <= self._onset:
            return 0.0
        return self._bias[_GAPS[min(tick - self._onset, _LONGEST_GAP)]]

    def of_pitches(self, pitches: list[int], tick: int) -> list[float]:
        """Bias of pitches by tone and register; for the lowest note of an onset also by the melodic step."""
        bias = self._bias
        if self._is_drum or self._onset < 0 or self._onset == tick:
            return [bias[_TONES[p]] + bias[_REGISTERS[p]] for p in pitches]
        before = self._pitch
        return [bias[_TONES[p]] + bias[_REGISTERS[p]] + bias[_STEPS[p - before]] for p in pitches]

    def of_classes(self, field: str, classes: list[int]) -> list[float]:
        """Bias of durations or velocities."""
        bias, first = self._bias, _FIRST[field]
        return [bias[first + each] for each in classes]

    def count(self, tick: int, pitch: int, duration: int, velocity: int) -> None:
        """Count a note; only the lowest of an onset makes a step and a gap."""
        counts = self._counts
        for place in (_FIRST["duration"] + duration, _FIRST["velocity"] + velocity, _TONES[pitch], _REGISTERS[pitch]):
            counts[place] += 1
        if tick != self._onset:
            self._count_onset(tick, pitch)
        self._notes += 1
        if self._notes % NOTES_BETWEEN_UPDATES == 0:
            array = np.array(counts)
            totals = np.add.reduceat(array, _STARTS).repeat(_SIZES)
            self._bias = (self._strength * log_ratios(self._target, array, totals)).tolist()

    def _count_onset(self, tick: int, pitch: int) -> None:
        if self._onset >= 0:
            self._counts[_GAPS[min(tick - self._onset, _LONGEST_GAP)]] += 1
            if not self._is_drum:
                self._counts[_STEPS[pitch - self._pitch]] += 1
        self._onset, self._pitch = tick, pitch


def log_ratios(target: Row, counts: Ints, totals: Ints | int) -> Row:
    """Log of each bin's ``target`` share over its share of ``counts``, which add up to ``totals`` (N,)."""
    so_far = (counts + PRIOR * target) / (totals + PRIOR)
    ratios: Row = log_array(target + FLOOR) - log_array(so_far + FLOOR)
    return ratios
