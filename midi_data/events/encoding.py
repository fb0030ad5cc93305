"""Songs as sequences of events, one a note, all parts in one sequence; ``decode`` undoes ``encode`` exactly.

An event: (time shift in ticks, part, pitch or drum key, duration, velocity). Events are sorted by onset, part, pitch.
A gap of ``MAX_SHIFT`` ticks or more begins with wait events; an end event closes the song. Tempo and meter are not
events. ``midi_data.io.round_trip`` measures what the grid and the classes lose.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from midi_data.general_midi import instrument_name
from midi_data.song import Meter, Note, Song, Tempo, Track

Ints = NDArray[np.int64]

FIELDS = ("time_shift", "part", "pitch", "duration", "velocity")
"""The fields of an event, in the order of generation."""

MAX_SHIFT = 192
"""Longest time shift in ticks, and the class of a wait, an event without a note. Smaller classes are ticks."""
EOS = MAX_SHIFT + 1
"""Time-shift class of the event that ends the song."""

SAME_PROGRAM_LIMIT = 4
"""Tracks of one program that are parts of their own (rhythm and lead guitar …); further ones join the last."""
PART_LIMIT = 16
"""Parts of a song; the busiest are kept."""
DRUM_PITCH = 128
"""Added to drum keys, so that no drum shares a pitch class with a note."""

DURATIONS = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32, 36, 42, 48, 60, 72, 96, 120, 144, 192, 288, 384,
)  # fmt: skip
"""Ticks of each duration class: dense where triplets, dots and staccato differ, sparse among long notes."""
DRUM_DURATION = 6
"""Ticks of a drum note: General MIDI drums decay by themselves, whatever length is written."""
VELOCITY_STEP = 8
"""MIDI velocities in a class."""
_NEVER = 1 << 40
"""A tick after every song."""

VOCABULARY: dict[str, int] = {
    "time_shift": EOS + 1,
    "part": 129 * SAME_PROGRAM_LIMIT,
    "pitch": 256,
    "duration": len(DURATIONS),
    "velocity": 128 // VELOCITY_STEP,
}
"""Number of classes of each field."""

FINGERPRINT = f"events-1/{MAX_SHIFT}/{SAME_PROGRAM_LIMIT}/{len(DURATIONS)}/{VELOCITY_STEP}/24"
"""Identifies this representation; checkpoints of another one are refused."""


def part_code(program: int, *, is_drum: bool, occurrence: int = 0) -> int:
    """The part class of the ``occurrence``-th track of an instrument; drums come first."""
    return (0 if is_drum else program + 1) * SAME_PROGRAM_LIMIT + min(occurrence, SAME_PROGRAM_LIMIT - 1)


def part_instrument(part: int) -> tuple[int, bool]:
    """(program, is_drum) of a part class."""
    code = part // SAME_PROGRAM_LIMIT
    return (0, True) if code == 0 else (code - 1, False)


def part_name(part: int, band: Sequence[int]) -> str:
    """Name of ``part``: its instrument, numbered if ``band`` has several of it."""
    program, is_drum = part_instrument(part)
    alike = sum(part_instrument(other) == (program, is_drum) for other in band)
    name = instrument_name(program, is_drum)
    return f"{name} {part % SAME_PROGRAM_LIMIT + 1}" if alike > 1 else name


def duration_class(ticks: int) -> int:
    """The class whose length in ticks is nearest by ratio."""
    above = bisect_right(DURATIONS, ticks)
    if above in (0, len(DURATIONS)):
        return max(above - 1, 0)
    return above - 1 if ticks * ticks <= DURATIONS[above - 1] * DURATIONS[above] else above


def longest_class_within(ticks: int) -> int:
    """The longest class of at most ``ticks``; the shortest if none is."""
    return max(bisect_right(DURATIONS, ticks) - 1, 0)


@dataclass(frozen=True, slots=True, eq=False)
class EventSequence:
    """A song as arrays (N,) of its notes, sorted by onset, part and pitch; tempos, meters, title and end in ticks.

    ``onset`` in ticks; ``part``, ``pitch``, ``duration``, ``velocity`` as classes (``VOCABULARY``). Waits and the end
    event are not stored: they follow from the onsets.
    """

    onset: Ints
    part: Ints
    pitch: Ints
    duration: Ints
    velocity: Ints
    tempos: tuple[Tempo, ...]
    meters: tuple[Meter, ...]
    title: str
    end: int

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def band(self) -> tuple[int, ...]:
        """The part classes, sorted."""
        return tuple(np.unique(self.part).tolist())


def encode(song: Song) -> EventSequence:
    """``song`` as events: drum tracks merged, parts limited, durations and velocities classed."""
    rows: list[tuple[int, int, int, int, int]] = []
    for part, notes in _parts(song.tracks).items():
        rows += _part_rows(part, notes)
    rows.sort()
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return EventSequence(
        columns[0], columns[1], columns[2], columns[3], columns[4], song.tempos, song.meters, song.title, song.end
    )


def decode(events: EventSequence) -> Song:
    """The song of ``events``; tracks in the order of their part classes."""
    band = events.band
    tracks = []
    for part in band:
        own = events.part == part
        notes = _notes(part, events.onset[own], events.pitch[own], events.duration[own], events.velocity[own])
        tracks.append(Track(*part_instrument(part), notes, part_name(part, band)))
    return Song(tuple(tracks), events.tempos, events.meters, events.title, end=events.end)


def quantised(song: Song) -> Song:
    """``song`` encoded and decoded. Idempotent."""
    return decode(encode(song))


def _parts(tracks: Iterable[Track]) -> dict[int, list[Note]]:
    """Notes by part class: drum tracks are one part, and the busiest ``PART_LIMIT`` parts are kept."""
    parts: list[tuple[tuple[int, bool], list[Note]]] = []
    for instrument, alike in groupby(sorted(filter(lambda t: t.notes, tracks), key=_instrument), key=_instrument):
        limit = 1 if instrument[1] else SAME_PROGRAM_LIMIT
        notes: list[list[Note]] = []
        for track in alike:
            if len(notes) < limit:
                notes.append([])
            notes[-1] += track.notes
        parts += [(instrument, own) for own in notes]
    if len(parts) > PART_LIMIT:
        band_activity = sorted(range(len(parts)), key=lambda i: (-len(parts[i][1]), i))[:PART_LIMIT]
        parts = [parts[i] for i in sorted(band_activity)]
    seen: Counter[tuple[int, bool]] = Counter()
    numbered = {}
    for instrument, own in parts:
        numbered[part_code(instrument[0], is_drum=instrument[1], occurrence=seen[instrument])] = own
        seen[instrument] += 1
    return numbered


def _instrument(track: Track) -> tuple[int, bool]:
    return (0, True) if track.is_drum else (track.program, False)


def _part_rows(part: int, notes: list[Note]) -> list[tuple[int, int, int, int, int]]:
    is_drum = part_instrument(part)[1]
    rows = []
    ordered = sorted(notes, key=lambda note: (note.pitch, note.onset, -note.duration, -note.velocity))
    for pitch, group in groupby(ordered, key=lambda note: note.pitch):
        first_at: dict[int, Note] = {}
        for note in group:
            first_at.setdefault(note.onset, note)
        alike = list(first_at.values())
        following = [*(note.onset for note in alike[1:]), _NEVER]
        for note, struck_again in zip(alike, following, strict=True):
            length = DRUM_DURATION if is_drum else note.duration
            duration = _fitting_class(length, struck_again - note.onset)
            rows.append((note.onset, part, pitch + DRUM_PITCH * is_drum, duration, note.velocity // VELOCITY_STEP))
    return rows


def _fitting_class(duration: int, gap: int) -> int:
    """Class of ``duration`` ticks, at most ``gap``, after which the same pitch begins again."""
    return min(duration_class(duration), longest_class_within(gap))


def _notes(part: int, onset: Ints, pitch: Ints, duration: Ints, velocity: Ints) -> tuple[Note, ...]:
    rows = zip(
        onset.tolist(),
        (pitch - DRUM_PITCH * part_instrument(part)[1]).tolist(),
        np.asarray(DURATIONS)[duration].tolist(),
        (velocity * VELOCITY_STEP + VELOCITY_STEP // 2).tolist(),
        strict=True,
    )
    return tuple(Note(*row) for row in rows)
