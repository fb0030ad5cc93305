"""The outermost structure of a Standard MIDI File, checked before a parser is trusted with it.

Source: Standard MIDI Files 1.0 (RP-001). Knows chunks and the first track's name, nothing of notes.
"""

from __future__ import annotations

import struct

from midi_data.errors import BadMidiError

_HEADER = struct.Struct(">4sIHHH")
_CHUNK = struct.Struct(">4sI")


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
    while position + _CHUNK.size <= len(data):
        _, length = _CHUNK.unpack_from(data, position)
        position += _CHUNK.size + length
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
