"""First reading step: a Standard MIDI File's bytes as raw events, with structural faults repaired and counted.

Repairs follow the standard's structure (RP-001 Standard MIDI Files 1.0, RP-029 RIFF MIDI) where a file departs from it:
header longer than 6 bytes, wrong track count, wrong chunk lengths, bytes between chunks, missing End of Track, running
status across meta and system events, system messages inside tracks. Events that cannot be followed are refused.
mido's tolerant mode repairs none of these but data bytes above 127, at 200 times symusic's reading time.
"""

from __future__ import annotations

import struct
from array import array
from collections import Counter
from dataclasses import dataclass, field

from midi_data.errors import BadMidiError

FILE_SIZE_LIMIT = 16 * 2**20
TRACK_LIMIT = 512
CHUNK_LIMIT = 4096
NOTE_LIMIT = 400_000
EVENT_LIMIT = 2_000_000
"""Channel, meta and system events of a file."""
TICK_LIMIT = 2**28 - 1
"""Latest tick of an event: the longest delta time that a file can hold, 77 hours at 480 ticks a quarter and 120 BPM."""

TRACK_NAME, INSTRUMENT_NAME, CHANNEL_PREFIX, PORT = 0x03, 0x04, 0x20, 0x21
END_OF_TRACK, SET_TEMPO, TIME_SIGNATURE, KEY_SIGNATURE = 0x2F, 0x51, 0x58, 0x59
"""Kinds of meta event."""

_HEADER = struct.Struct(">4sIHHH")
_CHUNK = struct.Struct(">4sI")
_MAC_HEADER = 128
"""Bytes of MacBinary that old archives put before a file."""
_DATA_BYTES = (2, 2, 2, 2, 1, 1, 2)
"""Data bytes of channel messages 0x8n … 0xEn."""
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes of system messages other than F0, F7 and FF; the others have none."""


@dataclass(slots=True)
class RawTrack:
    """One track chunk. Columns of its channel messages in file order (``tick`` absolute), metas, system-exclusives.

    ``end`` is the tick of End of Track (of the last event where it is missing).
    """

    tick: array[int] = field(default_factory=lambda: array("q"))
    status: bytearray = field(default_factory=bytearray)
    data1: bytearray = field(default_factory=bytearray)
    data2: bytearray = field(default_factory=bytearray)
    metas: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(tick, kind, body)."""
    sysexes: list[tuple[int, bytes]] = field(default_factory=list)
    """(tick, message without F0), packets joined."""
    end: int = 0


@dataclass(slots=True)
class RawMidi:
    """A file's tracks; ``repairs`` counts each kind of fault (see ``REPAIRS``)."""

    kind: int
    ticks_per_quarter: int
    tracks: list[RawTrack]
    repairs: Counter[str]


REPAIRS = {
    "RIFF": "read out of a RIFF file (.rmi)",
    "header length": "the header is not 6 bytes long",
    "track count": "the header's number of tracks is wrong, all tracks are read",
    "track length": "wrong length of a track chunk, read to its End of Track",
    "no end of track": "a track has no End of Track",
    "after end of track": "bytes after End of Track are ignored",
    "between tracks": "bytes between chunks are ignored",
    "running status": "running status continued after a meta or system-exclusive event",
    "system message": "system message inside a track ignored",
    "system-exclusive length": "system-exclusive message with a wrong length, read to its F7",
    "data byte": "data byte above 127 read as 127",
    "escaped note": "note inside an F7 escape ignored",
}
"""Kinds of repair, and the line that tells each."""


def unwrap_midi(data: bytes) -> bytes:
    """The Standard MIDI File in ``data``: out of its RIFF wrapping (``.rmi``), or from behind a MacBinary header."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        position = 12
        while position + _CHUNK.size <= len(data):
            kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
            position += _CHUNK.size
            if kind == b"data":
                # The size field is not trusted beyond the bytes that are there: the tracks have lengths of their own.
                return data[position : position + length] if length else data[position:]
            position += length + length % 2
    return data[_MAC_HEADER:] if data[_MAC_HEADER : _MAC_HEADER + 4] == b"MThd" and data[:4] != b"MThd" else data


def parse_midi(data: bytes, source: str) -> RawMidi:
    """The raw events of a file of type 0 or 1. Raises ``BadMidiError`` for what cannot be followed or is too large."""
    repairs: Counter[str] = Counter()
    if data[:4] == b"RIFF":
        repairs["RIFF"] += 1
    data = unwrap_midi(data)
    kind, count, division, position = _read_header(data, source, repairs)
    raw = RawMidi(kind, division, [], repairs)
    parser = _Parser(data, source, repairs)
    chunks = 0
    while (start := _next_chunk(data, position, repairs)) is not None:
        chunks += 1
        if len(raw.tracks) >= TRACK_LIMIT or chunks > CHUNK_LIMIT:
            raise BadMidiError(
                "too many tracks", f"{source}: at most {TRACK_LIMIT} tracks, not {TRACK_LIMIT + 1} or more"
            )
        name, length = _CHUNK.unpack_from(data, start)
        if name == b"MTrk":
            track, position = parser.read_track(start + _CHUNK.size, length, len(raw.tracks))
            raw.tracks.append(track)
        else:
            position = _after_alien_chunk(data, start, length)
    if count != len(raw.tracks):
        repairs["track count"] += 1
    return raw


def _read_header(data: bytes, source: str, repairs: Counter[str]) -> tuple[int, int, int, int]:
    """(type, number of tracks, ticks a quarter, position after the header)."""
    if data[:4] != b"MThd":
        raise BadMidiError("not MIDI", f"{source}: not a MIDI file (it begins with {data[:4]!r}, not b'MThd')")
    if len(data) < _HEADER.size:
        raise BadMidiError("truncated", f"{source}: a MIDI header has {_HEADER.size} bytes, this file {len(data)}")
    _, length, kind, count, division = _HEADER.unpack_from(data)
    if kind not in (0, 1):
        raise BadMidiError("type 2", f"{source}: MIDI type 0 or 1 can be read, not type {kind}")
    if division & 0x8000:
        raise BadMidiError("SMPTE time", f"{source}: time in ticks a quarter can be read, not SMPTE frames")
    if division == 0:
        raise BadMidiError("no ticks", f"{source}: a quarter has at least 1 tick, here 0")
    if length != 6:
        repairs["header length"] += 1
    # A length that does not lead to a chunk is wrong; the header's fields end at 14.
    return kind, count, division, 8 + length if _is_chunk(data, 8 + length) else _HEADER.size


def _is_chunk(data: bytes, position: int) -> bool:
    """Whether a chunk header begins at ``position``: a track's, or another one's whose length fits the file."""
    if position + _CHUNK.size > len(data):
        return False
    name, length = _CHUNK.unpack_from(data, position)
    fits = position + _CHUNK.size + length <= len(data)
    return bool(name == b"MTrk" or (fits and name.isascii() and name.isalnum()))


def _next_chunk(data: bytes, position: int, repairs: Counter[str]) -> int | None:
    """Position of the next chunk header at or after ``position``; ``None`` at the end of the file."""
    if _is_chunk(data, position):
        return position
    found = data.find(b"MTrk", position)
    if any(data[position : found if found >= 0 else len(data)]):
        repairs["between tracks"] += 1
    return found if found >= 0 and found + _CHUNK.size <= len(data) else None


def _after_alien_chunk(data: bytes, position: int, length: int) -> int:
    """Position after a chunk that is no track; its length is only trusted when it leads to a chunk or to the end."""
    stop = position + _CHUNK.size + length
    if stop == len(data) or _is_chunk(data, stop):
        return stop
    found = data.find(b"MTrk", position + _CHUNK.size)
    return found if found >= 0 else len(data)


class _DamagedError(Exception):
    """An event cannot be followed. The text says what is wrong, ``position`` where."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.position = position


class _Parser:
    """Reads track chunks and counts what all of them hold against the limits."""

    def __init__(self, data: bytes, source: str, repairs: Counter[str]) -> None:
        self._data, self._source, self._repairs = data, source, repairs
        self._events = self._notes = 0
        self._open_sysex: list[bytes] = []

    def read_track(self, start: int, length: int, number: int) -> tuple[RawTrack, int]:
        """The track whose events begin at ``start``, and the position after its chunk."""
        stop, trusted = self._extent(start, length)
        track = RawTrack()
        self._open_sysex = []
        try:
            end, complete = self._read_events(track, start, stop)
        except (_DamagedError, IndexError) as error:
            reason = "truncated" if start + length > len(self._data) else "damaged"
            at = getattr(error, "position", len(self._data))
            text = f"track {number + 1} cannot be followed at byte {at}: {error}"
            raise BadMidiError(reason, f"{self._source}: damaged MIDI ({text})") from error
        if not complete and start + length > len(self._data):
            missing = start + length - len(self._data)
            raise BadMidiError("truncated", f"{self._source}: truncated, {missing} bytes of a track are missing")
        self._close_sysex(track, track.end)
        self._count_track_faults(end, stop, complete=complete, trusted=trusted)
        return track, stop if trusted or not complete else end

    def _extent(self, start: int, length: int) -> tuple[int, bool]:
        """(position where the events end at the latest, whether the chunk's length can be trusted)."""
        stop = start + length
        if stop == len(self._data) or _is_chunk(self._data, stop):
            return stop, True
        following = self._data.find(b"MTrk", start)
        if stop < len(self._data) and self._data[max(stop - 3, start) : stop] == b"\xff\x2f\x00":
            return stop, True
        return (following if following >= 0 else len(self._data)), False

    def _count_track_faults(self, end: int, stop: int, *, complete: bool, trusted: bool) -> None:
        if not trusted:
            self._repairs["track length"] += 1
        if not complete:
            self._repairs["no end of track"] += 1
        elif trusted and any(self._data[end:stop]):
            self._repairs["after end of track"] += 1

    def _read_events(self, track: RawTrack, position: int, stop: int) -> tuple[int, bool]:  # noqa: C901, PLR0912  one loop  # noqa: C901, PLR0912  one loop
        """Fill ``track``; returns (position after the last event, whether End of Track was met).

        One loop for speed: about 1 µs an event.
        """
        data, repairs, tick, running, interrupted = self._data, self._repairs, 0, 0, False
        ticks, statuses, data1, data2 = track.tick, track.status, track.data1, track.data2
        while position < stop:
            delta, position = _read_number(data, position, stop)
            tick += delta
            track.end = tick
            if position >= stop:
                if delta == 0:  # padding
                    break
                raise _DamagedError("a delta time without an event", position)
            status = data[position]
            if status & 0x80:
                position += 1
                interrupted = False if status < 0xF0 else interrupted
            elif running:
                status = running
                if interrupted:
                    repairs["running status"] += 1
                    interrupted = False
            else:
                raise _DamagedError("a data byte without a status", position)
            self._check_counts(status, tick, position)
            if status < 0xF0:
                running = status
                size = _DATA_BYTES[(status >> 4) - 8]
                first, second = data[position], data[position + 1] if size == 2 else 0
                position += size
                if position > stop:
                    raise _DamagedError("an event runs past the end of its track", position)
                if (first | second) & 0x80:
                    repairs["data byte"] += 1
                    second = min(second, 127)
                ticks.append(tick)
                statuses.append(status)
                data1.append(first)
                data2.append(second)
            elif status == 0xFF:
                interrupted = True
                kind = data[position]
                body, position = _read_body(data, position + 1, stop)
                if kind == END_OF_TRACK:
                    return position, True
                track.metas.append((tick, kind, body))
            elif status in (0xF0, 0xF7):
                interrupted = True
                position = self._read_sysex(track, tick, status, position, stop)
            else:
                repairs["system message"] += 1
                position += _SYSTEM_DATA_BYTES.get(status, 0)
        return min(position, stop), False

    def _check_counts(self, status: int, tick: int, position: int) -> None:
        self._events += 1
        self._notes += status & 0xF0 == 0x90
        if self._events > EVENT_LIMIT:
            raise BadMidiError("too many events", f"{self._source}: at most {EVENT_LIMIT} events")
        if self._notes > 2 * NOTE_LIMIT:  # note-ons of velocity 0 are note-offs
            raise BadMidiError("too many notes", f"{self._source}: at most {NOTE_LIMIT} notes")
        if tick > TICK_LIMIT:
            raise BadMidiError("too long", f"{self._source}: at most {TICK_LIMIT} ticks, not {tick} (byte {position})")

    def _read_sysex(self, track: RawTrack, tick: int, status: int, position: int, stop: int) -> int:
        """Take in an F0 message, one of its later F7 packets, or an F7 escape; returns the position after it."""
        begin = position
        length, position = _read_number(self._data, position, stop)
        if position + length > stop:
            found = self._data.find(b"\xf7", begin, stop)
            if found < 0:
                raise _DamagedError("a system-exclusive message runs past the end of its track", begin)
            self._repairs["system-exclusive length"] += 1
            position, length = begin, found + 1 - begin
        body = self._data[position : position + length]
        if status == 0xF0:
            self._close_sysex(track, tick)  # one without F7 before it
            self._open_sysex = [body]
        elif self._open_sysex:
            self._open_sysex.append(body)
        elif len(body) >= 3 and body[0] & 0xF0 == 0x90 and body[2]:
            self._repairs["escaped note"] += 1
        if body.endswith(b"\xf7"):
            self._close_sysex(track, tick)
        return position + length

    def _close_sysex(self, track: RawTrack, tick: int) -> None:
        if self._open_sysex:
            track.sysexes.append((tick, b"".join(self._open_sysex).removesuffix(b"\xf7")))
        self._open_sysex = []


def _read_number(data: bytes, position: int, stop: int) -> tuple[int, int]:
    """A variable-length quantity of at most 4 bytes, and the position after it."""
    value = 0
    for _ in range(4):
        if position >= stop:
            raise _DamagedError("a number runs past the end of its track", position)
        byte = data[position]
        value, position = value << 7 | byte & 0x7F, position + 1
        if not byte & 0x80:
            return value, position
    raise _DamagedError("a number is longer than 4 bytes", position)


def _read_body(data: bytes, position: int, stop: int) -> tuple[bytes, int]:
    """Read a length and that many bytes; return them and the position after them."""
    length, position = _read_number(data, position, stop)
    if position + length > stop:
        raise _DamagedError("a meta event runs past the end of its track", position)
    return data[position : position + length], position + length
