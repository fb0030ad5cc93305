"""Standard MIDI Files written by hand, event by event, so that they can be wrong in one place."""

from __future__ import annotations

import struct

END = b"\x00\xff\x2f\x00"
QUARTER = 480


def vlq(value: int) -> bytes:
    """A variable-length quantity."""
    out = bytes([value & 0x7F])
    while value := value >> 7:
        out = bytes([value & 0x7F | 0x80]) + out
    return out


def chunk(body: bytes, length: int | None = None, name: bytes = b"MTrk") -> bytes:
    """A chunk; ``length`` where it lies."""
    return name + struct.pack(">I", len(body) if length is None else length) + body


def smf(*tracks: bytes, kind: int = 1, count: int | None = None, division: int = QUARTER, header: bytes = b"") -> bytes:
    """A file of track bodies (each gets its chunk); ``header``: bytes beyond the usual 6; ``count`` where it lies."""
    return file_of(*(chunk(track) for track in tracks), kind=kind, count=count, division=division, header=header)


def file_of(
    *chunks: bytes, kind: int = 1, count: int | None = None, division: int = QUARTER, header: bytes = b""
) -> bytes:
    """As ``smf``, of whole chunks."""
    facts = struct.pack(">HHH", kind, len(chunks) if count is None else count, division)
    return b"MThd" + struct.pack(">I", 6 + len(header)) + facts + header + b"".join(chunks)


def meta(kind: int, body: bytes = b"", delta: int = 0) -> bytes:
    """A meta event."""
    return vlq(delta) + bytes([0xFF, kind]) + vlq(len(body)) + body


def name(text: bytes) -> bytes:
    """A track name."""
    return meta(0x03, text)


def on(pitch: int = 60, velocity: int = 80, channel: int = 0, delta: int = 0) -> bytes:
    """A note-on."""
    return vlq(delta) + bytes([0x90 | channel, pitch, velocity])


def off(pitch: int = 60, channel: int = 0, delta: int = QUARTER) -> bytes:
    """A note-off."""
    return vlq(delta) + bytes([0x80 | channel, pitch, 0])


def program(number: int, channel: int = 0, delta: int = 0) -> bytes:
    """A program change."""
    return vlq(delta) + bytes([0xC0 | channel, number])


def control(number: int, value: int, channel: int = 0, delta: int = 0) -> bytes:
    """A control change."""
    return vlq(delta) + bytes([0xB0 | channel, number, value])


def bend(value: int, channel: int = 0, delta: int = 0) -> bytes:
    """A pitch bend, −8192 … 8191."""
    return vlq(delta) + bytes([0xE0 | channel, (value + 8192) & 0x7F, (value + 8192) >> 7])


def sysex(body: bytes, status: int = 0xF0, delta: int = 0) -> bytes:
    """A system-exclusive packet (F0) or its continuation (F7)."""
    return vlq(delta) + bytes([status]) + vlq(len(body)) + body


def melody(count: int = 4, channel: int = 0, pitch: int = 60, velocity: int = 80) -> bytes:
    """``count`` quarter notes that rise by semitones."""
    return b"".join(on(pitch + n, velocity, channel) + off(pitch + n, channel) for n in range(count))
