"""Second reading step: symusic pairs the repaired note events; what it reads is counted against the note-ons.

Each track's notes on each channel go to symusic as one track of a canonical file, so that its notes keep their track
and channel and a difference shows where it happens.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import symusic
from numpy.typing import NDArray

from midi_data.errors import BadMidiError
from midi_data.io.channel_events import ALL_NOTES_OFF, ALL_SOUND_OFF, CONTROL, NOTE_OFF, NOTE_ON, ChannelEvents, Ints
from midi_data.io.smf import NOTE_LIMIT, TRACK_LIMIT, RawMidi
from midi_data.notices import Notice, counted


@dataclass(frozen=True, slots=True, eq=False)
class NoteColumns:
    """The notes of one track on one channel: columns (N,), times in file ticks."""

    track: int
    channel: int
    onset: Ints
    duration: Ints
    pitch: Ints
    velocity: Ints

    def __len__(self) -> int:
        return len(self.onset)


def read_notes(raw: RawMidi, events: ChannelEvents, source: str) -> tuple[list[NoteColumns], list[Notice]]:
    """The notes of every track and channel that has some, in file order.

    Raises ``BadMidiError`` for a file without notes or over a limit.
    """
    notices: list[Notice] = []
    is_note = (events.kind == NOTE_ON) | (events.kind == NOTE_OFF)
    lost = int(((events.kind == NOTE_ON) & (events.data1 > 127)).sum())
    if lost:
        notices.append(Notice("pitch above 127", f"{counted(lost, 'note')} above pitch 127 left out", lost))
    silences = events.select((events.kind == CONTROL) & np.isin(events.data1, (ALL_SOUND_OFF, ALL_NOTES_OFF)))
    groups = list(_groups(events.select(is_note & (events.data1 <= 127))))
    _check_limits(groups, source)
    complete = [_with_ends(group, silences, raw.tracks[int(group.track[0])].end) for group in groups]
    held = sum(len(new) - len(old) for new, old in zip(complete, groups, strict=True))
    if held:
        text = (
            f"{counted(held, 'note')} without a note-off, ended at the next one of the same pitch or at the track's end"
        )
        notices.append(Notice("held notes", text))
    read = _read_canonical(complete, raw.ticks_per_quarter, source)
    missing = sum(int((group.kind == NOTE_ON).sum()) for group in groups) - sum(map(len, read))
    if missing:
        notices.append(Notice("notes lost", f"{counted(missing, 'note')} lost by the reader", missing))
    return read, notices


def _groups(notes: ChannelEvents) -> Iterator[ChannelEvents]:
    """The note events of each track and channel that has note-ons, each in file order."""
    key = notes.track * 256 + notes.channel
    order = np.argsort(key, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        group = notes.select(rows)
        if (group.kind == NOTE_ON).any():
            yield group


def _check_limits(groups: list[ChannelEvents], source: str) -> None:
    count = sum(int((group.kind == NOTE_ON).sum()) for group in groups)
    if count == 0:
        raise BadMidiError("no notes", f"{source}: a song has at least one note, this file has 0")
    if count > NOTE_LIMIT:
        raise BadMidiError("too many notes", f"{source}: at most {NOTE_LIMIT} notes, not {count}")
    if len(groups) > TRACK_LIMIT:
        raise BadMidiError("too many tracks", f"{source}: at most {TRACK_LIMIT} tracks, not {len(groups)}")


def _with_ends(group: ChannelEvents, silences: ChannelEvents, end: int) -> ChannelEvents:
    """``group`` with a note-off for each note that has none.

    At the next note of the same pitch, an all-notes-off of the channel, or ``end`` (ticks) of the track.
    """
    stops = np.sort(silences.tick[silences.channel == group.channel[0]])
    added = sorted((_end_of(tick, following, stops, end), pitch) for tick, following, pitch in _unended(group))
    if not added:
        return group
    tick, pitch = np.array(added, dtype=np.int64).T
    # Before the events of its tick: after a note-on of the same pitch it would end that one.
    place = np.searchsorted(group.tick, tick, side="left")
    columns = (group.track[0], tick, group.channel[0], NOTE_OFF, pitch, 0)
    old = (group.track, group.tick, group.channel, group.kind, group.data1, group.data2)
    return ChannelEvents(*(np.insert(column, place, new) for column, new in zip(old, columns, strict=True)))


def _unended(group: ChannelEvents) -> Iterator[tuple[int, int | None, int]]:
    """(onset, tick at which the pitch is struck again, pitch) of each note that lacks a note-off.

    Of a pitch with too few note-offs, the notes that were still sounding when it was struck again come first.
    """
    order = np.argsort(group.data1, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group.data1[order])) + 1):
        is_on = group.kind[rows] == NOTE_ON
        sounding = np.cumsum(np.where(is_on, 1, -1))
        sounding = sounding - np.minimum(np.minimum.accumulate(sounding), 0)  # stray note-offs end nothing
        missing = int(sounding[-1])
        if missing:
            ticks, was_sounding = group.tick[rows][is_on].tolist(), (sounding[is_on] > 1).tolist()
            struck_again = [pair for pair, again in zip(pairwise(ticks), was_sounding[1:], strict=True) if again]
            last = [(ticks[-1], None)] * (missing - len(struck_again[-missing:]))
            for onset, following in [*struck_again[-missing:], *last]:
                yield onset, following, int(group.data1[rows[0]])


def _end_of(tick: int, following: int | None, stops: Ints, end: int) -> int:
    """Where a held note that begins at ``tick`` ends; never before it."""
    stop = int(np.searchsorted(stops, tick, side="right"))
    candidates: list[int] = [end, *([] if following is None else [following]), *stops[stop : stop + 1].tolist()]
    return max(tick, min(candidates))


def _read_canonical(groups: list[ChannelEvents], ticks_per_quarter: int, source: str) -> list[NoteColumns]:
    header = b"MThd" + struct.pack(">IHHH", 6, 1, len(groups), ticks_per_quarter)
    data = header + b"".join(_track_chunk(group) for group in groups)
    try:
        score: Any = symusic.Score.from_midi(data)
    except (RuntimeError, ValueError) as error:
        if "bad_alloc" in str(error):
            raise MemoryError from error
        raise BadMidiError("damaged", f"{source}: damaged MIDI ({' '.join(str(error).split())[:120]})") from error
    tracks = score.tracks
    tracks = score.tracks
    # symusic leaves out tracks without notes, of which there are none here.
    if len(tracks) != len(groups):
        raise BadMidiError("damaged", f"{source}: {len(groups)} tracks with notes, the reader found {len(tracks)}")
    return [_columns(group, track.notes.numpy()) for group, track in zip(groups, tracks, strict=True)]


def _track_chunk(group: ChannelEvents) -> bytes:
    """A track chunk of note events on channel 1: 7 bytes each, delta times in 4."""
    delta = np.diff(group.tick, prepend=0)
    row = np.empty((len(group), 7), dtype=np.uint8)
    for place, shift in enumerate((21, 14, 7, 0)):
        row[:, place] = (delta >> shift & 0x7F) | (0x80 if shift else 0)
    row[:, 4] = group.kind << 4
    row[:, 5], row[:, 6] = group.data1, group.data2
    body = row.tobytes() + b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(body)) + body


def _columns(group: ChannelEvents, notes: dict[str, NDArray[np.int32]]) -> NoteColumns:
    onset, duration, pitch, velocity = (
        notes[name].astype(np.int64) for name in ("time", "duration", "pitch", "velocity")
    )
    return NoteColumns(int(group.track[0]), int(group.channel[0]), onset, duration, pitch, velocity)
