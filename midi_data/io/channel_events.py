"""A file's channel messages as columns, and which of them govern the notes of one track on one channel.

A channel is 16 · port + (0–15). MIDI's channel state is common to all tracks; files in the wild also give each track a
program of its own on the same channel. So a track's own messages of a kind come first, then those of tracks that have
no notes on the channel (a setup track), and only for a track without any those of every track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from midi_data.io.smf import PORT, RawMidi, RawTrack

Ints = NDArray[np.int64]

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, PITCH_BEND = 0x8, 0x9, 0xB, 0xC, 0xE
"""Kinds of channel message: the status byte's upper half."""
BANK, DATA_ENTRY, VOLUME, EXPRESSION, PEDAL = 0, 6, 7, 11, 64
RPN_LOW, RPN_HIGH, ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 100, 101, 120, 121, 123
"""Numbers of controllers."""
_PORTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class ChannelEvents:
    """Columns (N,) of all channel messages, in track order, then file order. A silent note-on is a note-off."""

    track: Ints
    tick: Ints
    channel: Ints
    kind: Ints
    data1: Ints
    data2: Ints

    def __len__(self) -> int:
        return len(self.tick)

    def select(self, mask: NDArray[np.bool_] | Ints) -> ChannelEvents:
        """The rows of ``mask`` (or of those indices, in their order)."""
        return ChannelEvents(
            self.track[mask], self.tick[mask], self.channel[mask], self.kind[mask], self.data1[mask], self.data2[mask]
        )


def channel_events(raw: RawMidi) -> ChannelEvents:
    """The channel messages of all tracks of ``raw``."""
    columns = [_track_columns(number, track) for number, track in enumerate(raw.tracks)]
    joined = np.concatenate([np.zeros((6, 0), dtype=np.int64), *columns], axis=1)
    return ChannelEvents(*joined)


def _track_columns(number: int, track: RawTrack) -> Ints:
    """(6, N) columns of one track."""
    tick = np.frombuffer(track.tick, dtype=np.int64) if track.tick else np.zeros(0, dtype=np.int64)
    status, data1, data2 = (
        np.frombuffer(bytes(column), dtype=np.uint8).astype(np.int64)
        for column in (track.status, track.data1, track.data2)
    )
    ports = [body[0] for _, kind, body in track.metas if kind == PORT and body]
    channel = (status & 0xF) + 16 * (ports[-1] % _PORTS if ports else 0)
    kind = status >> 4
    kind = np.where((kind == NOTE_ON) & (data2 == 0), NOTE_OFF, kind)
    return np.stack([np.full(len(tick), number), tick, channel, kind, data1, data2])


@dataclass(slots=True)
class Changes:
    """The values (K,) that one control takes at ticks (K,), in order of time."""

    tick: Ints
    value: Ints

    def __len__(self) -> int:
        return len(self.tick)

    def at(self, ticks: Ints, default: int) -> Ints:
        """(N,) the value at each tick, that tick's own change included; ``default`` before the first."""
        place = np.searchsorted(self.tick, ticks, side="right")
        values: Ints = np.concatenate([np.array([default], dtype=np.int64), self.value])
        return values[place]


_NO_CHANGES = Changes(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(slots=True)
class ChannelControls:
    """Programs, controllers and pitch bends of a file, asked for by track and channel."""

    events: ChannelEvents
    """Channel messages without notes."""
    noted: frozenset[tuple[int, int]]
    """(track, channel) that have notes."""
    _own: dict[tuple[int, int, int, int], list[int]] = field(default_factory=dict)
    _pool: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = zip(*(c.tolist() for c in (self.events.track, self.events.channel, self.events.kind, self.events.data1)))  # noqa: B905  equal by construction
        for at, (track, channel, kind, number) in enumerate(rows):
            what = (kind, number if kind == CONTROL else 0)
            self._own.setdefault((track, channel, *what), []).append(at)
            self._pool.setdefault((channel, *what), []).append(at)

    def changes(self, track: int, channel: int, kind: int, number: int = 0) -> Changes:
        """The changes that govern ``track`` on ``channel``. Pitch bends are −8192 … 8191, others 0–127."""
        own = self._own.get((track, channel, kind, number), [])
        pool = self._pool.get((channel, kind, number), [])
        if own and len(own) < len(pool):
            setup = [at for at in pool if (int(self.events.track[at]), channel) not in self.noted]
            return self._ordered(sorted(setup) + own, kind)
        return self._ordered(pool, kind)

    def _ordered(self, rows: Sequence[int], kind: int) -> Changes:
        if not rows:
            return _NO_CHANGES
        at = np.array(rows, dtype=np.int64)
        at = at[np.argsort(self.events.tick[at], kind="stable")]
        if kind == PROGRAM:
            return Changes(self.events.tick[at], self.events.data1[at])
        if kind == PITCH_BEND:
            return Changes(self.events.tick[at], self.events.data1[at] + 128 * self.events.data2[at] - 8192)
        return Changes(self.events.tick[at], self.events.data2[at])
