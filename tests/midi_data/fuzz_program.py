"""Reads mutated MIDI files in this process, under limits: ``python -m tests.midi_data.fuzz_program COUNT SEED``.

Prints one JSON object: files read and refused, the slowest in processor seconds, and peak memory beyond the start.
Dies of a crash, of a file that takes over ``SECONDS``, of memory above ``BYTES``, of a note neither read nor told.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import time

import numpy as np

from midi_data.errors import BadMidiError
from midi_data.ingest.sandbox.limits import limit_memory
from midi_data.io.midi_file import reading_from_bytes, song_from_reading
from midi_data.io.midi_writer import midi_bytes
from tests.midi_data.io.test_wild_midi import CASES
from tests.mutated_midi import KINDS, ZIPPED
from tests.songs import riff

SECONDS = 2.0
BYTES = 500 * 2**20
_TELLING = (
    b"MTrk",
    b"\xff\x2f\x00",
    b"\xff\xff\xff\x7f",
    b"\xf0",
    b"\xf7",
    b"\x00",
    b"\xff\x51\x03\x00\x00\x00",
    b"\x90",
)
"""Bytes that mean something in a file."""


def seeds() -> list[bytes]:
    """Small files of many kinds."""
    rng = np.random.default_rng(0)
    strange = [make(rng) for kind, make in KINDS.items() if kind not in ZIPPED]
    files = [case.data for case in CASES.values()] + [midi_bytes(riff(seed, bars=1)) for seed in range(8)] + strange
    return [data for data in files if data and len(data) < 20_000]


def mutated(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """``data`` with one to eight changes, some of them taken from ``other``."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(0, len(changed) + 1))
        length = int(rng.integers(1, 17))
        how = int(rng.integers(6))
        if how == 0 and at < len(changed):
            changed[at] ^= 1 << int(rng.integers(8))
        elif how == 1:
            del changed[at : at + length]
        elif how == 2:
            changed[at:at] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
        elif how == 3:
            changed[at : at + length] = _TELLING[int(rng.integers(len(_TELLING)))]
        elif how == 4:
            changed[at:at] = changed[at : at + 20 * length]
        else:
            start = int(rng.integers(0, len(other)))
            changed[at:at] = other[start : start + 20 * length]
    return bytes(changed)


def was_read(data: bytes) -> bool:
    """Whether the file is read, every note-on of it in the song or told as lost; ``False``: refused in one line."""
    try:
        reading = reading_from_bytes(data)
        song = song_from_reading(reading)
    except BadMidiError as error:
        if "\n" in str(error) or error.reason not in BadMidiError.REASONS:
            raise AssertionError(f"not a refusal in one line: {error!r}") from error
        return False
    lost = sum(notice.lost_notes for notice in song.notices)
    if reading.note_ons != song.note_count + lost:
        raise AssertionError(f"{reading.note_ons} notes in, {song.note_count} out, {lost} told: {data.hex()}")
    return True


def main(count: int, seed: int) -> None:
    """Read ``count`` mutations."""
    rng, files = np.random.default_rng(seed), seeds()
    was_read(files[0])  # libraries are loaded
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limit_memory(BYTES)
    outcome = {"read": 0, "refused": 0, "slowest": 0.0}
    for _ in range(count):
        first, second = rng.integers(0, len(files), 2)
        data = mutated(rng, files[first], files[second])
        signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS)
        began = time.process_time()
        outcome["read" if was_read(data) else "refused"] += 1
        outcome["slowest"] = max(outcome["slowest"], time.process_time() - began)
    outcome["more_bytes"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin) * 1024
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
