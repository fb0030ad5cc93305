"""Thousands of strange MIDI files, made from small songs by seed: what the internet holds, and worse."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from midi_data.io.midi_writer import midi_bytes
from tests.songs import riff

Rng = np.random.Generator
_END = b"\x00\xff\x2f\x00"
_NOTE = b"\x00\x90\x3c\x40\x60\x80\x3c\x00"


def write_strange_midi_folder(folder: Path, count: int, seed: int = 0) -> dict[str, str]:
    """``count`` files in subfolders of ``folder``; returns the kind of each by its name there (posix)."""
    names = list(KINDS)
    made = {}
    for number in range(count):
        kind = names[number % len(names)]
        rng = np.random.default_rng((seed, number))
        ending = ".zip" if kind in ZIPPED else ".kar" if kind == "lyrics" else ".rmi" if kind == "riff" else ".mid"
        name = f"{number % 7}/{number:05d}-{kind.replace(' ', '-')}{ending}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(KINDS[kind](rng))
        made[name] = kind
    return made


def song(rng: Rng) -> bytes:
    """A sound file of a few bars."""
    return midi_bytes(riff(int(rng.integers(1 << 30)), bars=int(rng.integers(2, 7))))


def chunk(body: bytes, length: int | None = None) -> bytes:
    """A track chunk; ``length`` where it lies."""
    return b"MTrk" + struct.pack(">I", len(body) if length is None else length) + body


def smf(*tracks: bytes, kind: int = 1, division: int = 480, count: int | None = None) -> bytes:
    """A file of whole chunks; ``count`` of tracks where the header lies."""
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks) if count is None else count, division) + b"".join(tracks)


def flipped(rng: Rng, data: bytes | None = None) -> bytes:
    """Some bits the other way."""
    changed = np.frombuffer(song(rng) if data is None else data, dtype=np.uint8).copy()
    for at in rng.integers(0, len(changed), int(rng.integers(1, 40))):
        changed[at] ^= 1 << int(rng.integers(8))
    return changed.tobytes()


def truncated(rng: Rng) -> bytes:
    """The beginning of a song."""
    data = song(rng)
    return data[: int(rng.integers(0, len(data)))]


def huge_deltas(rng: Rng) -> bytes:
    """Notes that are hours apart."""
    notes = b"".join(b"\xff\xff\xff\x7f" + _NOTE[1:] for _ in range(int(rng.integers(1, 60))))
    return smf(chunk(notes + _END), division=int(rng.integers(1, 32768)))


def running_status_garbage(rng: Rng) -> bytes:
    """Data bytes without end, after a status or after none."""
    status = b"\x00" + bytes([int(rng.integers(0x80, 0x100))]) if rng.random() < 0.7 else b""
    return smf(chunk(status + rng.integers(0, 128, 3000, dtype=np.uint8).tobytes()))


def endless_sysex(rng: Rng) -> bytes:
    """A system exclusive message that says to be longer than the file, or never ends."""
    length = [b"\xff\xff\xff\x7f", b"\x8f\xff\xff\xff\x7f", b"\x00", b"\x83\x60"][int(rng.integers(4))]
    return smf(chunk(_NOTE * 20 + b"\x00\xf0" + length + rng.integers(0, 128, 2000, dtype=np.uint8).tobytes()))


def wrong_lengths(rng: Rng) -> bytes:
    """Chunks that say to be shorter or longer than they are."""
    body = _NOTE * 40 + _END
    return smf(
        *(chunk(body, int(rng.choice([0, 1, len(body) - 3, len(body) + 9, 2**31, 2**32 - 1]))) for _ in range(3))
    )


def nested_zip(rng: Rng) -> bytes:
    """A zip in a zip in a zip."""
    data, name = song(rng), "song.mid"
    for _ in range(int(rng.integers(2, 4))):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        data, name = buffer.getvalue(), "inner.zip"
    return data


def zip_bomb(rng: Rng) -> bytes:
    """A small zip of one large MIDI file, or so it says."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.mid", b"MThd" + bytes(int(rng.integers(18, 24)) * 2**20))
    return buffer.getvalue()


def many_notes(rng: Rng) -> bytes:
    """A wall of notes, dense in running status."""
    pitches = rng.integers(0, 128, int(rng.integers(5_000, 30_000)), dtype=np.uint8)
    return smf(
        chunk(b"\x00\x90" + b"".join(bytes([p, 64, 60, p, 0, 0]) for p in pitches.tolist()) + b"\x01\x01" + _END)
    )


def many_tempos(rng: Rng) -> bytes:
    """A tempo change a tick."""
    tempo = b"\x01\xff\x51\x03"
    changes = b"".join(tempo + bytes(row) for row in rng.integers(0, 256, (25_000, 3), dtype=np.uint8))
    return smf(chunk(_NOTE * 20 + changes + _END))


def odd_meta(rng: Rng) -> bytes:
    """Meters, keys and tempos that cannot be."""
    events = [
        b"\x00\xff\x58\x04" + rng.integers(0, 256, 4, dtype=np.uint8).tobytes(),
        b"\x00\xff\x59\x02" + rng.integers(0, 256, 2, dtype=np.uint8).tobytes(),
        b"\x00\xff\x51\x03\x00\x00\x00",
        b"\x00\xff\x58\x00",
    ]
    return smf(chunk(b"".join(events[i] for i in rng.permutation(4)) + _NOTE * 30 + _END))


def lyrics(rng: Rng) -> bytes:
    """Karaoke in no known encoding."""
    words = b"".join(
        b"\x00\xff\x05\x10" + rng.integers(0, 256, 16, dtype=np.uint8).tobytes() + _NOTE for _ in range(40)
    )
    return smf(chunk(words + _END), kind=0)


def wrapped(rng: Rng) -> bytes:
    """A song in a RIFF file; at times the file lies about its lengths."""
    data = song(rng)
    length = len(data) if rng.random() < 0.6 else int(rng.integers(0, 2**32))
    return b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", length) + data


def zero_division(rng: Rng) -> bytes:
    """No ticks, or frames."""
    data = bytearray(song(rng))
    data[12:14] = [b"\x00\x00", b"\xe7\x28", b"\x80\x00"][int(rng.integers(3))]
    return bytes(data)


def of_type(rng: Rng) -> bytes:
    """A header of type 2 and above."""
    data = bytearray(song(rng))
    data[8:10] = struct.pack(">H", int(rng.choice([2, 3, 255, 65535])))
    return bytes(data)


def text(rng: Rng) -> bytes:
    """What servers send instead of a file."""
    pages = [b"", b"<html>404</html>", b"MThd", "Zoë".encode("utf-16"), b"\x00" * 5000, b"PK\x03\x04", nested_zip(rng)]
    return pages[int(rng.integers(len(pages)))]


KINDS: dict[str, Callable[[Rng], bytes]] = {
    "song": song,
    "bit flips": flipped,
    "truncated": truncated,
    "huge deltas": huge_deltas,
    "tracks in the header": lambda rng: smf(*[chunk(_NOTE * 20 + _END)] * 2, count=65535 - int(rng.integers(3))),
    "tracks in the file": lambda rng: smf(*[chunk(_NOTE + _END)] * int(rng.integers(500, 4000))),
    "running status garbage": running_status_garbage,
    "endless sysex": endless_sysex,
    "wrong lengths": wrong_lengths,
    "zero division": zero_division,
    "type": of_type,
    "text": text,
    "nested zip": nested_zip,
    "zip bomb": zip_bomb,
    "many notes": many_notes,
    "many tempos": many_tempos,
    "odd meta": odd_meta,
    "lyrics": lyrics,
    "riff": wrapped,
    "noise": lambda rng: smf(chunk(rng.integers(0, 256, int(rng.integers(1, 4000)), dtype=np.uint8).tobytes())),
    "flipped noise": lambda rng: flipped(rng, lyrics(rng)),
}
"""Every kind of file that is made, each as often as the others."""
ZIPPED = ("nested zip", "zip bomb")
