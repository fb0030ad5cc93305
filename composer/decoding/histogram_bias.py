"""Biases logits towards the attribute histograms of the song's plan, by how far its notes deviate from them so far.

The bias of a bin is the log of its planned share over its share so far, where ``PRIOR`` notes distributed as planned
are counted in advance. A part that follows its histograms gets no bias. It counters the drift of autoregressive
sampling: a part that happened to play short notes goes on with short notes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from composer.decoding.logits_processor import LogitsProcessor
from composer.decoding.parameters import HISTOGRAM_PRIOR as PRIOR
from composer.decoding.parameters import HISTOGRAM_STRENGTHS as STRENGTHS
from composer.decoding.parameters import TIME_SHIFT_STRENGTH
from composer.decoding.repetition_bias import RepetitionPlan
from composer.decoding.song_state import NoteEvent, SongState
from composer.exact import log
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
from midi_data.events.encoding import MAX_SHIFT, VOCABULARY, part_instrument

Row = NDArray[np.float64]

FLOOR = 0.004
"""Added to shares, so that the bias of a bin that is planned to be empty stays finite."""
NOTES_BETWEEN_UPDATES = 4
"""A part's bias is recomputed after so many of its notes."""
EVENTS_BETWEEN_UPDATES = 16
"""The time-shift bias is recomputed after so many events."""
_ALL_PITCHES = np.arange(VOCABULARY["pitch"])
_TONES: list[int] = tone_bin(_ALL_PITCHES).tolist()
_REGISTERS: list[int] = register_bin(_ALL_PITCHES).tolist()
_STEPS: list[int] = step_bin(np.append(_ALL_PITCHES, -_ALL_PITCHES[:0:-1])).tolist()
"""Bins of steps up, then from the end on (negative indices) of steps down."""
_TIME_SHIFTS: list[int] = [*time_shift_bin(np.append(np.arange(MAX_SHIFT), MAX_SHIFT)).tolist(), TIME_SHIFT_BINS]
"""Bins of time shifts and waits; the end of the song has the bin after the last."""
_LONGEST_GAP = GAP_EDGES[-1]
_GAPS: list[int] = gap_bin(np.arange(_LONGEST_GAP + 1)).tolist()
_BIASED = [attribute for attribute in ATTRIBUTES if attribute != "place"]
"""Positions in the bar condition the network only: a bias on them was measured to gain nothing."""


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
        self._target: list[float] = target.tolist()
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
            self._bias = [*log_ratios(self._target, self._counts, TIME_SHIFT_STRENGTH), 0.0]


class _PartBias:
    """Counts of one part's notes by attribute, and the bias of each bin."""

    def __init__(self, target: Row, *, is_drum: bool) -> None:
        self._is_drum = is_drum
        self._target: dict[str, list[float]] = {name: target[COLUMNS[name]].tolist() for name in _BIASED}
        self._counts: dict[str, list[int]] = {name: [0] * ATTRIBUTES[name] for name in _BIASED}
        self._bias: dict[str, list[float]] = {name: [0.0] * ATTRIBUTES[name] for name in _BIASED}
        self._notes = 0
        self._onset = self._pitch = -1

    def of_onset(self, tick: int) -> float:
        """Bias of an onset at ``tick``, by its gap to the last one."""
        if self._onset < 0 or tick <= self._onset:
            return 0.0
        return self._bias["gap"][_GAPS[min(tick - self._onset, _LONGEST_GAP)]]

    def of_pitches(self, pitches: list[int], tick: int) -> list[float]:
        """Bias of pitches by tone and register; for the lowest note of an onset also by the melodic step."""
        tones, registers = self._bias["tone"], self._bias["register"]
        if self._is_drum or self._onset < 0 or self._onset == tick:
            return [tones[_TONES[p]] + registers[_REGISTERS[p]] for p in pitches]
        steps, before = self._bias["step"], self._pitch
        return [tones[_TONES[p]] + registers[_REGISTERS[p]] + steps[_STEPS[p - before]] for p in pitches]

    def of_classes(self, field: str, classes: list[int]) -> list[float]:
        """Bias of durations or velocities."""
        bias = self._bias[field]
        return [bias[each] for each in classes]

    def count(self, tick: int, pitch: int, duration: int, velocity: int) -> None:
        """Count a note; only the lowest of an onset makes a step and a gap."""
        counts = self._counts
        counts["duration"][duration] += 1
        counts["velocity"][velocity] += 1
        counts["tone"][_TONES[pitch]] += 1
        counts["register"][_REGISTERS[pitch]] += 1
        if tick != self._onset:
            self._count_onset(tick, pitch)
        self._notes += 1
        if self._notes % NOTES_BETWEEN_UPDATES == 0:
            self._bias = {name: log_ratios(self._target[name], counts[name], 1.0) for name in _BIASED}

    def _count_onset(self, tick: int, pitch: int) -> None:
        if self._onset >= 0:
            self._counts["gap"][_GAPS[min(tick - self._onset, _LONGEST_GAP)]] += 1
            if not self._is_drum:
                self._counts["step"][_STEPS[pitch - self._pitch]] += 1
        self._onset, self._pitch = tick, pitch


def log_ratios(target: list[float], counts: list[int], strength: float) -> list[float]:
    """``strength`` times the log of each bin's ``target`` share over its share of ``counts``; 0 without a target."""
    if not any(target):
        return [0.0] * len(target)
    prior, floor, total = PRIOR, FLOOR, sum(counts) + PRIOR
    found = []
    for share, count in zip(target, counts, strict=True):
        so_far = (count + prior * share) / total
        found.append(strength * log((share + floor) / (so_far + floor)))
    return found
