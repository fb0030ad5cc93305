"""One untrusted file's bytes → a piece's notes and facts, or the reason why not. Runs in a child process.

The result is a frame (JSON head, bytes) that the parent checks with ``Converted.from_frame``. Files of a curated corpus
are not cleaned.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from midi_data.analysis.key_estimation import estimate_song_key, key_class
from midi_data.errors import BadMidiError
from midi_data.events.encoding import EventSequence, encode
from midi_data.ingest.cleaning.alignment import Alignment, alignment_of
from midi_data.ingest.cleaning.downbeat import align_to_downbeat
from midi_data.ingest.cleaning.tracks import detect_drums, guess_programs, remove_duplicate_tracks
from midi_data.ingest.fingerprints import Sketch, sketch, transposed_digest
from midi_data.ingest.sandbox.frames import Frame
from midi_data.ingest.sandbox.limits import TEMPO_LIMIT
from midi_data.io.midi_file import end_on_bar, reading_from_bytes, song_from_reading
from midi_data.io.round_trip import RoundTripLosses
from midi_data.song import Song, seconds_per_tick

MIN_NOTES = 16
"""Shorter pieces are left out."""

Notices = list[tuple[str, str]]
"""(kind for counting, text)."""


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """A converted piece: ``rows`` (N, 5) int32 as in shards, its facts, and notices of what was changed."""

    rows: np.ndarray[Any, np.dtype[np.int32]]
    sketch: Sketch
    digest: bytes
    end: int
    seconds: float
    key: int
    tempos: tuple[tuple[int, float], ...]
    meters: tuple[tuple[int, int, int], ...]
    losses: RoundTripLosses
    moved: float
    moved_ms: float
    notices: tuple[tuple[str, str], ...]

    @classmethod
    def from_frame(cls, head: dict[str, Any], body: bytes) -> Converted:
        """Check and unpack a frame. Raises ``ValueError``, ``KeyError`` or ``TypeError`` for an invalid one."""
        count = int(head["notes"])
        if count < 1 or len(body) < count * 20 or (len(body) - count * 20) % 8:
            raise ValueError(f"a piece of {count} notes is not in {len(body)} bytes")
        return cls(
            rows=np.frombuffer(body, dtype="<i4", count=count * 5).reshape(count, 5),
            sketch=np.frombuffer(body, dtype="<u8", offset=count * 20),
            digest=bytes.fromhex(head["digest"]),
            end=int(head["end"]),
            seconds=float(head["seconds"]),
            key=int(head["key"]),
            tempos=tuple((int(t), float(bpm)) for t, bpm in head["tempos"]),
            meters=tuple((int(t), int(n), int(d)) for t, n, d in head["meters"]),
            losses=RoundTripLosses(**head["losses"]),
            moved=float(head["moved"]),
            moved_ms=float(head["moved_ms"]),
            notices=tuple((str(kind), str(text)) for kind, text in head["notices"]),
        )


def convert(data: bytes, *, name: str, clean: bool, keep_unaligned: bool) -> Frame:
    """Return the frame of a piece, or one with ``left_out`` (a reason for counting) and ``detail`` (one line)."""
    begun = time.process_time()
    try:
        head, body = _converted(data, name, clean=clean, keep_unaligned=keep_unaligned)
    except BadMidiError as error:
        head, body = {"left_out": error.reason, "detail": str(error)}, b""
    head["cpu_seconds"] = time.process_time() - begun
    return head, body


def _converted(data: bytes, name: str, *, clean: bool, keep_unaligned: bool) -> Frame:
    reading = reading_from_bytes(data, source=name)
    tempos = len(reading.timeline.tempos)
    if tempos > TEMPO_LIMIT:
        raise BadMidiError("too many tempos", f"{name}: at most {TEMPO_LIMIT} tempo changes, not {tempos}")
    alignment = alignment_of(reading)
    song = song_from_reading(reading)
    notices: Notices = [(notice.kind, notice.text) for notice in reading.notices]
    if clean:
        notices += _checked(alignment, name, keep_unaligned=keep_unaligned)
        if not reading.timeline.meters:
            notices.append(("no meter", "no time signature: 4/4 assumed"))
        song = cleaned(song, notices, has_programs=reading.has_programs)
    events = encode(song)
    if len(events) < MIN_NOTES:
        raise BadMidiError(
            f"fewer than {MIN_NOTES} notes", f"{name}: a piece has {MIN_NOTES} notes at least, not {len(events)}"
        )
    return _frame(song, events, alignment, notices)


def _checked(alignment: Alignment, name: str, *, keep_unaligned: bool) -> Iterator[tuple[str, str]]:
    if alignment.clearly_unaligned:
        text = f"no division of the beat stands out, strength {alignment.strength:.2f}"
        if not keep_unaligned:
            raise BadMidiError("beats not aligned", f"{name}: beats are not aligned to the grid ({text})")
        yield "beats not aligned", f"kept although beats are not aligned to the grid ({text})"


def cleaned(song: Song, notices: Notices, *, has_programs: bool) -> Song:
    """Return ``song`` with tracks and bar 1 repaired; adds to ``notices``."""
    song, drums = detect_drums(song)
    if drums:
        notices.append(("drums found", f"drums outside channel 10: {', '.join(drums)}"))
    if not has_programs:
        song, programs = guess_programs(song)
        if programs:
            notices.append(("no programs", f"no program changes: {', '.join(programs)}"))
    song, copies = remove_duplicate_tracks(song)
    if copies:
        notices.append(("tracks merged", f"the same notes on two tracks, one kept: {', '.join(copies)}"))
    song, moved = align_to_downbeat(song)
    if moved:
        notices.append(("bar 1 found", moved))
    return end_on_bar(song)


def _frame(song: Song, events: EventSequence, alignment: Alignment, notices: Notices) -> Frame:
    losses = RoundTripLosses()
    losses.add(song, events)
    rows = np.column_stack([events.onset, events.part, events.pitch, events.duration, events.velocity])
    head = {
        "notes": len(events),
        "digest": transposed_digest(events).hex(),
        "end": song.end,
        "seconds": round(song.duration_seconds, 3),
        "key": key_class(estimate_song_key(events)),
        "tempos": [(t.onset, t.bpm) for t in song.tempos],
        "meters": [(m.onset, m.numerator, m.denominator) for m in song.meters],
        "losses": asdict(losses),
        "moved": round(alignment.moved, 4),
        "moved_ms": round(alignment.moved * seconds_per_tick(song.tempo_bpm) * 1000, 2),
        "notices": notices,
    }
    return head, rows.astype("<i4").tobytes() + sketch(events).astype("<u8").tobytes()
