"""Features and targets of every step of a song, as arrays: the event before, the clock's ticks, the lookback.

Lookback: for each lag, events ``lag`` bars earlier, in three kinds that depend on the fields chosen so far:

- *next*: the event that followed when the band last stood here; an input of the recurrent layers.
- *part*: given the time shift, the part that played at this tick of the earlier bar.
- *note*: given the part too, its note at this tick of the earlier bar; then the part's last note; then the notes by
  which its latest motifs went on (``midi_data.events.motifs``).

``midi_data.events.incremental_features`` computes the same step by step while a song is generated.

Shape letters: S steps (notes, waits, the end), K lags, L = ``NOTE_LOOKBACK``, N notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import BarGrid
from midi_data.events.encoding import EOS, FIELDS, MAX_SHIFT, VOCABULARY, EventSequence, Ints
from midi_data.events.motifs import MOTIF_INTERVALS, Motifs

LAGS = (1, 2, 4, 8, 16)
"""Bars looked back. In a bar with its own source lag (``midi_data.analysis.repetition``) that replaces the last."""
NOTE_LOOKBACK = len(LAGS) + 1 + len(MOTIF_INTERVALS)
"""Earlier notes that a note's fields see: one a lag, the part's last one, and one a motif."""
NONE = dict(VOCABULARY)
"""Class for "none" in each field, one past the real classes."""

ONSET_SHIFT = 18
PART_SHIFT = 8
"""Notes are ordered by ``key = onset << ONSET_SHIFT | part << PART_SHIFT | pitch``."""

_Array = TypeVar("_Array", bound=Any)


@dataclass(frozen=True, slots=True, eq=False)
class StepFeatures:
    """Features and targets of a song.

    ``target`` (S, 5): classes of ``FIELDS``, ``NONE`` for fields that a wait or the end does not have. ``tick``
    (S + 1,): tick before each step, and after the last. ``next`` (S, K, 3): time shift, part, pitch. ``part`` (S, K).
    ``note`` (S, L, 3): pitch, duration, velocity.
    """

    target: Ints
    tick: Ints
    next: Ints
    part: Ints
    note: Ints

    def __len__(self) -> int:
        return len(self.target)


def step_features(events: EventSequence, source_lag: Ints | None = None) -> StepFeatures:
    """Features of all steps of a song, the end included. ``source_lag`` (bars,): last lag of each bar, in bars."""
    target, tick = _targets(events)
    grid = BarGrid.of(events.meters, events.end)
    keys = (events.onset << ONSET_SHIFT) + (events.part << PART_SHIFT) + events.pitch
    notes = _Notes(keys, np.column_stack([events.onset, events.part, events.pitch, events.duration, events.velocity]))
    last_lag = np.full(len(grid), LAGS[-1]) if source_lag is None else source_lag
    lags = [*(np.full(len(grid), lag) for lag in LAGS[:-1]), last_lag]
    lookback = [_lookback(target, tick, grid, lag, notes) for lag in lags]
    next_events, part, note = (np.stack(column, axis=1) for column in zip(*lookback, strict=True))
    note = np.concatenate([note, _last_notes(target)[:, None], _motif_notes(target)], axis=1)  # (S, L, 3)
    return StepFeatures(target, tick, next_events, part, note)


def step_count(events: EventSequence) -> int:
    """``len(step_features(events))`` without computing them."""
    return len(events) + int((np.diff(events.onset, prepend=0) // MAX_SHIFT).sum()) + 1


def lookback_by_field(next_events: _Array, part: _Array, note: _Array) -> dict[str, _Array]:
    """Lookback classes (…, K or L) of each field, from the arrays or tensors of ``StepFeatures``."""
    return {
        "time_shift": next_events[..., 0],
        "part": part,
        "pitch": note[..., 0],
        "duration": note[..., 1],
        "velocity": note[..., 2],
    }


def previous_events(target: Ints) -> Ints:
    """(S, 5) the event before each step; ``NONE`` in all fields before the first."""
    return np.concatenate([[[NONE[field] for field in FIELDS]], target[:-1]])


def matched_lags(target: Ints, note: Ints) -> Ints:
    """(S, K) 1 where the previous event was a note with the pitch that the lag had there, else 0."""
    matched = np.zeros((len(target), len(LAGS)), dtype=np.int64)
    is_note = target[:-1, :1] < MAX_SHIFT  # (S − 1, 1)
    matched[1:] = is_note & (note[:-1, : len(LAGS), 0] == target[:-1, 2:3])
    return matched


def _targets(events: EventSequence) -> tuple[Ints, Ints]:
    """(S, 5) classes of each step and (S + 1,) ticks; gaps of ``MAX_SHIFT`` or more begin with waits."""
    gap = np.diff(events.onset, prepend=0)
    waits = gap // MAX_SHIFT
    step = np.arange(len(events)) + np.cumsum(waits)  # (N,) step of each note
    total = len(events) + int(waits.sum()) + 1
    target = np.tile(np.array([MAX_SHIFT, *(NONE[field] for field in FIELDS[1:])], dtype=np.int64), (total, 1))
    target[step] = np.column_stack([gap % MAX_SHIFT, events.part, events.pitch, events.duration, events.velocity])
    target[-1, 0] = EOS
    passed = np.where(target[:, 0] == EOS, 0, target[:, 0])
    return target, np.concatenate([[0], np.cumsum(passed)])


@dataclass(frozen=True, slots=True, eq=False)
class _Notes:
    """``keys`` (N,) rising; ``columns`` (N, 5): onset, part, pitch, duration, velocity."""

    keys: Ints
    columns: Ints

    def after(self, key: Ints, played: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """(S, 5) first note above each ``key``, and whether it is among the first ``played``: no look ahead."""
        found = np.searchsorted(self.keys, key, side="right")
        return self.columns[np.minimum(found, len(self.keys) - 1)], found < played


def _lookback(target: Ints, tick: Ints, grid: BarGrid, lag: Ints, notes: _Notes) -> tuple[Ints, Ints, Ints]:
    """Next events (S, 3), parts (S,) and notes (S, 3) at one lag (bars,)."""
    if not len(notes.keys):
        return _no_lookback(len(target))
    before, after = _bars_ago(tick[:-1], grid, lag), _bars_ago(tick[1:], grid, lag)
    last = _last_keys(target)
    same_tick = np.where(target[:, 0] == 0, last, -1)
    played = np.concatenate([[0], np.cumsum(target[:-1, 0] < MAX_SHIFT)])

    row, found = notes.after((before << ONSET_SHIFT) + last, played)
    known = found & (before >= 0) & (np.arange(len(target)) > 0)
    following = np.column_stack([np.minimum(row[:, 0] - before, MAX_SHIFT), row[:, 1], row[:, 2]])
    following = np.where(known[:, None], following, _none("time_shift", "part", "pitch"))

    row, found = notes.after((after << ONSET_SHIFT) + same_tick, played)
    part = np.where(found & (after >= 0) & (row[:, 0] == after), row[:, 1], NONE["part"])

    own = target[:, 1] << PART_SHIFT
    row, found = notes.after((after << ONSET_SHIFT) + np.maximum(own - 1, same_tick), played)
    same = found & (after >= 0) & (row[:, 0] == after) & (row[:, 1] == target[:, 1])
    return following, part, np.where(same[:, None], row[:, 2:5], _none("pitch", "duration", "velocity"))


def _last_notes(target: Ints) -> Ints:
    """(S, 3) pitch, duration, velocity of the last note of the step's part."""
    last = np.tile(_none("pitch", "duration", "velocity"), (len(target), 1))
    by_part = np.argsort(target[:, 1], kind="stable")
    same = (target[by_part[1:], 1] == target[by_part[:-1], 1]) & (target[by_part[1:], 0] < MAX_SHIFT)
    last[by_part[1:][same]] = target[by_part[:-1][same], 2:]
    return last


def _motif_notes(target: Ints) -> Ints:
    """(S, M, 3) pitch, duration, velocity by which each motif of the step's part went on."""
    motifs, found = Motifs(), []
    for time_shift, part, *note in target.tolist():
        found.append(motifs.next_notes(part))
        if time_shift < MAX_SHIFT:
            motifs.add_note(part, *note)
    return np.array(found, dtype=np.int64).reshape(-1, len(MOTIF_INTERVALS), 3)


def _none(*fields: str) -> Ints:
    return np.array([NONE[field] for field in fields])


def _no_lookback(count: int) -> tuple[Ints, Ints, Ints]:
    next_events, note = _none("time_shift", "part", "pitch"), _none("pitch", "duration", "velocity")
    return np.tile(next_events, (count, 1)), np.full(count, NONE["part"]), np.tile(note, (count, 1))


def _bars_ago(tick: Ints, grid: BarGrid, lag: Ints) -> Ints:
    """``tick`` moved back by the ``lag`` of its bar, at the same distance from the bar line; −1 before the song."""
    bar = grid.bar_of(tick)
    source = bar - lag[bar]
    moved: Ints = tick - grid.first_tick[bar] + grid.first_tick[np.maximum(source, 0)]
    return np.where(source >= 0, moved, -1)


def _last_keys(target: Ints) -> Ints:
    """(S,) part and pitch bits of the previous event's key; 0 after a wait and at the beginning."""
    keys = np.where(target[:, 0] < MAX_SHIFT, (target[:, 1] << PART_SHIFT) + target[:, 2], 0)
    return np.concatenate([[0], keys[:-1]])
