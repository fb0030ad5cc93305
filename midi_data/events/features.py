"""What a network sees and must say at each step of a song: targets, clock and lookback, as arrays.

A step's inputs are known before its event: the event before, the bar clock, and for each lag what the band played
``lag`` bars ago. Three looks at a lag, each used once the fields it depends on are chosen:

- *next*: the event that followed when the band last stood here; an input to the recurrent layers.
- *part*: once the advance is chosen, the part that played at this very tick of the earlier bar.
- *note*: once the part is chosen too, the note which that part played there; and, as one look more, the last note
  which that part played at all.

``midi_data.events.incremental_features`` says the same for one step at a time, while composing. Knows nothing of
networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import BarGrid
from midi_data.events.encoding import EOS, FIELDS, MAX_SHIFT, VOCABULARY, EventSequence, Ints

LAGS = (1, 2, 4, 8, 16)
"""Bars looked back; the last look may be turned to a bar at any distance (``midi_data.analysis.repetition``)."""
NONE = dict(VOCABULARY)
"""Class that stands for "nothing there", one past the real classes of a field."""

ONSET_SHIFT = 18
PART_SHIFT = 8


@dataclass(frozen=True, slots=True, eq=False)
class StepFeatures:
    """A song of ``S`` steps (notes, waits, the end), ``K`` lags.

    ``target`` (S, 5): the classes of ``FIELDS``; ``NONE`` where a wait or the end has no such field.
    ``tick`` (S + 1,): tick before each step, and after the last. ``next`` (S, K, 3): advance, part, pitch.
    ``part`` (S, K). ``note`` (S, K + 1, 3): pitch, duration, velocity; the last look is the part's own last note.
    """

    target: Ints
    tick: Ints
    next: Ints
    part: Ints
    note: Ints

    def __len__(self) -> int:
        return len(self.target)


def step_features(events: EventSequence, source_lag: Ints | None = None) -> StepFeatures:
    """All steps of a song, the end event included.

    ``source_lag`` (bars,): how many bars the last lag's look goes back (``midi_data.analysis.repetition``), instead of
    ``LAGS[-1]``.
    """
    target, tick = _targets(events)
    grid = BarGrid.of(events.meters, events.end)
    keys = (events.onset << ONSET_SHIFT) + (events.part << PART_SHIFT) + events.pitch
    notes = _Notes(keys, np.column_stack([events.onset, events.part, events.pitch, events.duration, events.velocity]))
    lags = [np.full(len(grid), lag) for lag in LAGS[:-1]] + [
        np.full(len(grid), LAGS[-1]) if source_lag is None else source_lag
    ]
    looks = [_look_back(target, tick, grid, lag, notes) for lag in lags]
    next_lookback, part, note = (np.stack(column, axis=1) for column in zip(*looks, strict=True))
    note = np.concatenate([note, _own_last_note(target)[:, None]], axis=1)
    return StepFeatures(target, tick, next_lookback, part, note)


def step_count(events: EventSequence) -> int:
    """``len(step_features(events))`` without laying them out."""
    return len(events) + int((np.diff(events.onset, prepend=0) // MAX_SHIFT).sum()) + 1


def _own_last_note(target: Ints) -> Ints:
    """(S, 3) pitch, duration, velocity of the note which the step's own part played last."""
    last = np.tile(np.array([NONE["pitch"], NONE["duration"], NONE["velocity"]]), (len(target), 1))
    by_part = np.argsort(target[:, 1], kind="stable")
    same = (target[by_part[1:], 1] == target[by_part[:-1], 1]) & (target[by_part[1:], 0] < MAX_SHIFT)
    last[by_part[1:][same]] = target[by_part[:-1][same], 2:]
    return last


def _targets(events: EventSequence) -> tuple[Ints, Ints]:
    time_shift = np.diff(events.onset, prepend=0)
    waits = time_shift // MAX_SHIFT
    first = np.arange(len(events)) + np.cumsum(waits)  # step of each note
    total = len(events) + int(waits.sum()) + 1
    target = np.tile(np.array([MAX_SHIFT, *(NONE[field] for field in FIELDS[1:])], dtype=np.int64), (total, 1))
    target[first] = np.column_stack(
        [time_shift % MAX_SHIFT, events.part, events.pitch, events.duration, events.velocity]
    )
    target[-1, 0] = EOS
    passed = np.where(target[:, 0] == EOS, 0, target[:, 0])
    return target, np.concatenate([[0], np.cumsum(passed)])


@dataclass(frozen=True, slots=True, eq=False)
class _Notes:
    keys: Ints
    columns: Ints  # (N, 5): onset, part, pitch, duration, velocity

    def after(self, key: Ints, played: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """The first note whose key is above ``key``, and whether it is among the first ``played``: no look ahead."""
        found = np.searchsorted(self.keys, key, side="right")
        return self.columns[np.minimum(found, len(self.keys) - 1)], found < played


def _look_back(target: Ints, tick: Ints, grid: BarGrid, lag: Ints, notes: _Notes) -> tuple[Ints, Ints, Ints]:
    if not len(notes.keys):
        return _nothing(len(target))
    none_next = np.array([NONE["time_shift"], NONE["part"], NONE["pitch"]])
    none_note = np.array([NONE["pitch"], NONE["duration"], NONE["velocity"]])
    before, after = _bars_ago(tick[:-1], grid, lag), _bars_ago(tick[1:], grid, lag)
    last = _last_played(target)
    played = np.concatenate([[0], np.cumsum(target[:-1, 0] < MAX_SHIFT)])

    row, found = notes.after((before << ONSET_SHIFT) + last, played)
    known = found & (before >= 0) & (np.arange(len(target)) > 0)
    next_lookback = np.column_stack([np.minimum(row[:, 0] - before, MAX_SHIFT), row[:, 1], row[:, 2]])
    next_lookback = np.where(known[:, None], next_lookback, none_next)

    still = target[:, 0] == 0
    row, found = notes.after((after << ONSET_SHIFT) + np.where(still, last, -1), played)
    part = np.where(found & (after >= 0) & (row[:, 0] == after), row[:, 1], NONE["part"])

    own = target[:, 1] << PART_SHIFT
    row, found = notes.after((after << ONSET_SHIFT) + np.maximum(own - 1, np.where(still, last, -1)), played)
    same = found & (after >= 0) & (row[:, 0] == after) & (row[:, 1] == target[:, 1])
    return next_lookback, part, np.where(same[:, None], row[:, 2:5], none_note)


def _nothing(count: int) -> tuple[Ints, Ints, Ints]:
    fields = ("time_shift", "part", "pitch", "duration", "velocity")
    time_shift, part, pitch, duration, velocity = (np.full(count, NONE[field]) for field in fields)
    return np.column_stack([time_shift, part, pitch]), part, np.column_stack([pitch, duration, velocity])


def _bars_ago(tick: Ints, grid: BarGrid, lag: Ints) -> Ints:
    """``tick`` moved its bar's ``lag`` back, at the same distance from the bar line; −1 before the song's beginning."""
    bar = grid.bar_of(tick)
    source = bar - lag[bar]
    moved: Ints = tick - grid.first_tick[bar] + grid.first_tick[np.maximum(source, 0)]
    return np.where(source >= 0, moved, -1)


def _last_played(target: Ints) -> Ints:
    """(part, pitch) of the event before each step as the low bits of a key; 0 after a wait or at the beginning."""
    played = np.where(target[:, 0] < MAX_SHIFT, (target[:, 1] << PART_SHIFT) + target[:, 2], 0)
    return np.concatenate([[0], played[:-1]])
