"""The outermost structure of a Standard MIDI File, checked before a parser is trusted with it.

Sources: Standard MIDI Files 1.0 (RP-001), RIFF MIDI (RP-029). Knows chunks and a title, nothing of notes.
"""

from __future__ import annotations

import struct

from midi_data.errors import BadMidiError

FILE_SIZE_LIMIT = 16 * 2**20
TRACK_LIMIT = 512
CHUNK_LIMIT = 4096
_MAC_HEADER = 128
"""Bytes of MacBinary that old archives put before a file."""

_HEADER = struct.Struct(">4sIHHH")
_CHUNK = struct.Struct(">4sI")


def unwrap_midi(data: bytes) -> bytes:
    """The Standard MIDI File in ``data``: out of its RIFF wrapping (``.rmi``), or from behind a MacBinary header."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        position = 12
        while position + _CHUNK.size <= len(data):
            kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
            position += _CHUNK.size
            if kind == b"data":
                return data[position : position + length]
            position += length + length % 2
    return data[_MAC_HEADER:] if data[_MAC_HEADER : _MAC_HEADER + 4] == b"MThd" and data[:4] != b"MThd" else data


def check_header(data: bytes, source: str) -> None:
    """Raise ``BadMidiError`` unless ``data`` begins with a type 0 or 1 header and its track chunks fit the file."""
    if data[:4] != b"MThd":
        raise BadMidiError("not MIDI", f"{source}: not a MIDI file (it begins with {data[:4]!r}, not b'MThd')")
    if len(data) < _HEADER.size:
        raise BadMidiError("truncated", f"{source}: a MIDI header has {_HEADER.size} bytes, this file {len(data)}")
    _, length, kind, _, division = _HEADER.unpack_from(data)
    if kind not in (0, 1):
        raise BadMidiError("type 2", f"{source}: MIDI type 0 or 1 can be read, not type {kind}")
    if division & 0x8000:
        raise BadMidiError("SMPTE time", f"{source}: time in ticks a quarter can be read, not SMPTE frames")
    if division == 0:
        raise BadMidiError("no ticks", f"{source}: a quarter has at least 1 tick, here 0")
    _check_chunks(data, 8 + length, source)


def _check_chunks(data: bytes, position: int, source: str) -> None:
    chunks = tracks = 0
    while position + _CHUNK.size <= len(data):
        kind, length = _CHUNK.unpack_from(data, position)
        position += _CHUNK.size + length
        chunks, tracks = chunks + 1, tracks + (kind == b"MTrk")
        if tracks > TRACK_LIMIT or chunks > CHUNK_LIMIT:
            raise BadMidiError("too many tracks", f"{source}: at most {TRACK_LIMIT} tracks, not {tracks} or more")
    if position > len(data):
        raise BadMidiError("truncated", f"{source}: truncated, {position - len(data)} bytes of a track are missing")


def read_title(data: bytes) -> str:
    """The name of the first track (for type 1: the song's title) or ``""``. ``data`` has passed ``check_header``."""
    position = 8 + _HEADER.unpack_from(data)[1]
    if data[position : position + 4] != b"MTrk":
        return ""
    position += _CHUNK.size
    # Meta events at tick 0 only: delta 0, FF, kind, length below 128, text.
    while data[position : position + 2] == b"\x00\xff" and position + 4 <= len(data):
        kind, length = data[position + 2], data[position + 3]
        if length > 127:
            return ""
        if kind == 0x03:
            return data[position + 4 : position + 4 + length].decode("utf-8", errors="replace").replace("\x00", "")
        position += 4 + length
    return ""
