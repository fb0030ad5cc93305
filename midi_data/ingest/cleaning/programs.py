"""Whether a Standard MIDI File says what plays. Walks its bytes; knows events' lengths and nothing of music."""

from __future__ import annotations

import re

_PROGRAM_BYTE = re.compile(rb"[\xc0-\xcf]")
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}


def names_programs(data: bytes) -> bool:
    """Whether any track has a program change. ``True`` as well where the events cannot be followed."""
    if not _PROGRAM_BYTE.search(data):
        return False
    position = 8 + int.from_bytes(data[4:8], "big")
    while position + 8 <= len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "big")
        is_track, events = data[position : position + 4] == b"MTrk", data[position + 8 : position + 8 + length]
        if is_track and _track_names_program(events):
            return True
        position += 8 + length
    return False


def _track_names_program(events: bytes) -> bool:
    position, status = 0, 0
    try:
        while position < len(events):
            _, position = _number(events, position)
            if events[position] & 0x80:
                status = events[position]
                position += 1
            if status >= 0xF0:
                position += status == 0xFF
                length, position = _number(events, position)
                position += length
            elif status & 0xF0 == 0xC0:
                return True
            else:
                position += _DATA_BYTES[status & 0xF0]
    except (IndexError, KeyError):
        return True
    return False


def _number(events: bytes, position: int) -> tuple[int, int]:
    """A variable-length quantity and the position after it."""
    value = 0
    while True:
        byte = events[position]
        value, position = value << 7 | byte & 0x7F, position + 1
        if not byte & 0x80:
            return value, position
