"""A song's parts lean towards the tendencies of the piece that lends its arrangement, more the further they stray.

A network that is drawn from follows its own slips: a part that has played short notes for a while goes on so. Here each
part's own shares so far (with the tendency itself as ``PRIOR`` notes heard before the first) are held against the
tendency, and the log of their ratio is added to the logits. On course that is 0 and the network alone decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from midi_data.events import VOCABULARY, WAIT, WAIT_TICKS, part_instrument
from midi_data.histograms import GAP_EDGES
from midi_data.tendencies import (
    COLUMNS,
    FULL,
    KINDS,
    PACE_BINS,
    Tendencies,
    gap_bin,
    pace_bin,
    register_bin,
    step_bin,
    tone_bin,
    transposed_tendencies,
)

Row = NDArray[np.float64]

PRIOR = 12.0
FLOOR = 0.004
"""Shares below this are alike: what never happens is not infinitely wrong."""
NOTES_BETWEEN_LOOKS = 4
"""A part's shares change slowly: they are held against its tendency after so many of its notes."""
EVENTS_BETWEEN_LOOKS = 16
STRENGTHS = (1.0, 0.6, 0.2, 0.0)
"""How strongly parts lean where they are new, varied, nearly the same, the same."""
PACE_STRENGTH = 2.0
"""How much more strongly the band's pace leans: what a network falls into is to play everything at once."""
_ALL_PITCHES = np.arange(VOCABULARY["pitch"])
_TONES, _REGISTERS = tone_bin(_ALL_PITCHES).tolist(), register_bin(_ALL_PITCHES).tolist()
_STEPS = step_bin(np.append(_ALL_PITCHES, -_ALL_PITCHES[:0:-1])).tolist()
"""Bins of steps up, then from the end on (negative indices) of steps down."""
_PACES: list[int] = [*pace_bin(np.append(np.arange(WAIT), WAIT_TICKS)).tolist(), PACE_BINS]
"""Of advances, the wait, and the end, whose bin is the one after the last."""
_LONGEST_GAP = GAP_EDGES[-1]
_GAPS: list[int] = gap_bin(np.arange(_LONGEST_GAP + 1)).tolist()
_LEANT = {kind: columns for kind, columns in COLUMNS.items() if kind != "place"}
"""Where in the bar notes fall is told to the network only: leaning to it was tried and gained nothing."""
_WIDTH = max(columns.stop for columns in _LEANT.values())
_KIND_OF_COLUMN = np.repeat(np.arange(len(_LEANT)), [KINDS[kind] for kind in _LEANT])
_FIRST: dict[str, int] = {kind: columns.start for kind, columns in _LEANT.items()}
_FIRST_COLUMNS = np.array(list(_FIRST.values()))


class Leaning:
    """How each part of one song leans. ``lean`` before a class is chosen, ``heard`` after each note."""

    def __init__(self, tendencies: Mapping[int, Row], pace: Row) -> None:
        """``tendencies``: part class → (``TENDENCIES_WIDTH``,) shares, each kind's summing to 1, or all 0 for none.

        ``pace``: the band's (``PACE_BINS``,), or all 0.
        """
        self._pace = _Pace(pace)
        self._parts = {part: _Part(row, is_drum=part_instrument(part)[1]) for part, row in tendencies.items()}

    def lean(self, field: str, classes: Sequence[int], logits: list[float], part: int, tick: int, level: int) -> None:
        """Add to the ``logits`` of the ``classes`` that may come next in a note's ``field`` at ``tick``.

        ``part``: the one chosen, for the fields after it. ``level``: how alike this is to be to what was there before.
        """
        strength = STRENGTHS[level]
        if strength and field == "advance":
            bonuses = self._pace.for_advances(classes)
        elif strength and field == "part":
            bonuses = [self._parts[each].for_onset(tick) if each in self._parts else 0.0 for each in classes]
        elif strength and part in self._parts:
            own = self._parts[part]
            bonuses = own.for_pitches(classes, tick) if field == "pitch" else own.for_classes(field, classes)
        else:
            return
        logits[:] = [logit + strength * bonus for logit, bonus in zip(logits, bonuses, strict=True)]

    def heard(self, tick: int, part: int, pitch: int, duration: int, velocity: int) -> None:
        """Take note of a note."""
        self._pace.hear(tick)
        if part in self._parts:
            self._parts[part].hear(tick, pitch, duration, velocity)


class _Pace:
    """How the band has moved on so far, and the bonus of each bin that it leads to."""

    def __init__(self, pace: Row) -> None:
        self._pace, self._counts = pace, [0] * PACE_BINS
        self._events, self._tick = 0, 0
        self._bonus = [0.0] * (PACE_BINS + 1)

    def for_advances(self, classes: Sequence[int]) -> list[float]:
        """Of advances and the wait; the end does not lean."""
        bonus = self._bonus
        return [bonus[_PACES[each]] for each in classes]

    def hear(self, tick: int) -> None:
        """Count the advance to an event at ``tick``."""
        self._counts[_PACES[min(tick - self._tick, WAIT)]] += 1
        self._tick = tick
        self._events += 1
        if self._events % EVENTS_BETWEEN_LOOKS == 0 and self._pace.any():
            so_far = (np.array(self._counts) + PRIOR * self._pace) / (self._events + PRIOR)
            self._bonus = [*(PACE_STRENGTH * np.log((self._pace + FLOOR) / (so_far + FLOOR))).tolist(), 0.0]


class _Part:
    """One part's counts so far, and the bonus of each bin that they lead to. Lists: a handful of bins are looked up."""

    def __init__(self, tendency: Row, *, is_drum: bool) -> None:
        self._tendency, self._is_drum = tendency[:_WIDTH], is_drum
        self._told = (np.add.reduceat(self._tendency, _FIRST_COLUMNS) > 0)[_KIND_OF_COLUMN]
        self._counts = [0] * _WIDTH
        self._notes = 0
        self._onset = self._pitch = -1
        self._look()

    def for_onset(self, tick: int) -> float:
        """The bonus of an onset of this part at ``tick``, by the gap it would make."""
        if self._onset < 0 or tick <= self._onset:
            return 0.0
        return self._bonus["gap"][_GAPS[min(tick - self._onset, _LONGEST_GAP)]]

    def for_pitches(self, pitches: Sequence[int], tick: int) -> list[float]:
        """By tone and register; for the lowest note of an onset also by the step from the onset before."""
        tones, registers = self._bonus["tone"], self._bonus["register"]
        if self._is_drum or self._onset < 0 or self._onset == tick:
            return [tones[_TONES[p]] + registers[_REGISTERS[p]] for p in pitches]
        steps, before = self._bonus["step"], self._pitch
        return [tones[_TONES[p]] + registers[_REGISTERS[p]] + steps[_STEPS[p - before]] for p in pitches]

    def for_classes(self, field: str, classes: Sequence[int]) -> list[float]:
        """Of lengths and velocities."""
        bonus = self._bonus[field]
        return [bonus[each] for each in classes]

    def hear(self, tick: int, pitch: int, duration: int, velocity: int) -> None:
        """Count a note; the lowest of an onset also makes a step and a gap."""
        counts = self._counts
        counts[_FIRST["duration"] + duration] += 1
        counts[_FIRST["velocity"] + velocity] += 1
        counts[_FIRST["tone"] + _TONES[pitch]] += 1
        counts[_FIRST["register"] + _REGISTERS[pitch]] += 1
        if tick != self._onset:
            if self._onset >= 0:
                counts[_FIRST["gap"] + _GAPS[min(tick - self._onset, _LONGEST_GAP)]] += 1
                counts[_FIRST["step"] + _STEPS[pitch - self._pitch]] += not self._is_drum
            self._onset, self._pitch = tick, pitch
        self._notes += 1
        if self._notes % NOTES_BETWEEN_LOOKS == 0:
            self._look()

    def _look(self) -> None:
        counts = np.array(self._counts)
        sums = np.add.reduceat(counts, _FIRST_COLUMNS)[_KIND_OF_COLUMN]
        so_far = (counts + PRIOR * self._tendency) / (sums + PRIOR)
        bonus: list[float] = np.where(self._told, np.log((self._tendency + FLOOR) / (so_far + FLOOR)), 0.0).tolist()
        self._bonus: dict[str, list[float]] = {kind: bonus[columns] for kind, columns in _LEANT.items()}


def tendencies_for(
    band: Sequence[int], heard: Sequence[int], rows: Tendencies, semitones: int, *, same_mode: bool
) -> dict[int, Row]:
    """The shares of each part of ``band`` that the piece heard has; parts without any are left out.

    ``heard``: that piece's parts, a row of ``rows`` each. Pitches move by ``semitones``; another mode frees tones.
    """
    found = {}
    moved = transposed_tendencies(rows / FULL, heard, semitones)
    for part in set(band) & set(heard):
        row = moved[list(heard).index(part)]
        if not part_instrument(part)[1]:
            row[COLUMNS["tone"]] *= same_mode
        if row.any():
            found[part] = row
    return dict(sorted(found.items()))
