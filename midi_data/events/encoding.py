"""A song as a sequence of events, one a note, the whole band in one line; ``decode`` undoes ``encode`` exactly.

An event is (advance in ticks, part, pitch or drum key, duration, velocity). Events are sorted by (onset, part, pitch).
A rest longer than ``MAX_SHIFT`` is spelled with wait events; an end event closes the song.
Tempo and meter stay outside the events: the song carries them, so any tempo can be asked for exactly.

Knows nothing of networks. What the grid and the classes lose is measured by ``midi_data.io.round_trip``.
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
"""The fields of an event, in the order in which they are chosen."""

MAX_SHIFT = 192
"""Ticks; also the time-shift class of an event that only lets that many pass. Smaller classes are ticks."""
EOS = MAX_SHIFT + 1
"""Time-shift class of the event that ends the song."""

SAME_PROGRAM_LIMIT = 4
"""Tracks of one program that stay apart (rhythm and lead guitar …); further ones join the last."""
PART_LIMIT = 16

DURATIONS = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32, 36, 42, 48, 60, 72, 96, 120, 144, 192, 288, 384,
)  # fmt: skip
"""Ticks of each duration class: dense where triplets, dots and staccato differ, coarse where only length matters."""
DRUM_DURATION = 6
"""Ticks of a drum stroke: General MIDI drums ring by themselves, their written lengths mean nothing."""
VELOCITY_STEP = 8
_NEVER = 1 << 40
"""A tick past every song."""

VOCABULARY: dict[str, int] = {
    "time_shift": EOS + 1,
    "part": 129 * SAME_PROGRAM_LIMIT,
    "pitch": 256,
    "duration": len(DURATIONS),
    "velocity": 128 // VELOCITY_STEP,
}
"""Classes of each field. Pitches of drums stand 128 above those of other parts."""

FINGERPRINT = f"events-1/{MAX_SHIFT}/{SAME_PROGRAM_LIMIT}/{len(DURATIONS)}/{VELOCITY_STEP}/24"
"""Names this representation; a checkpoint made for another one is refused."""


def part_code(program: int, *, is_drum: bool, occurrence: int = 0) -> int:
    """The part class of the ``occurrence``-th track of an instrument; drums come first."""
    return (0 if is_drum else program + 1) * SAME_PROGRAM_LIMIT + min(occurrence, SAME_PROGRAM_LIMIT - 1)


def part_instrument(part: int) -> tuple[int, bool]:
    """(program, is_drum) of a part class."""
    code = part // SAME_PROGRAM_LIMIT
    return (0, True) if code == 0 else (code - 1, False)


def part_name(part: int, band: Sequence[int]) -> str:
    """What to call ``part`` among ``band``: its instrument, numbered where the band has several alike."""
    program, is_drum = part_instrument(part)
    alike = sum(part_instrument(other) == (program, is_drum) for other in band)
    name = instrument_name(program, is_drum)
    return f"{name} {part % SAME_PROGRAM_LIMIT + 1}" if alike > 1 else name


def duration_class(ticks: int) -> int:
    """The class whose length is nearest by ratio."""
    above = bisect_right(DURATIONS, ticks)
    if above in (0, len(DURATIONS)):
        return max(above - 1, 0)
    return above - 1 if ticks * ticks <= DURATIONS[above - 1] * DURATIONS[above] else above


def longest_class_within(ticks: int) -> int:
    """The longest class that fits into ``ticks`` (at least the shortest)."""
    return max(bisect_right(DURATIONS, ticks) - 1, 0)


@dataclass(frozen=True, slots=True, eq=False)
class EventSequence:
    """A song as arrays of ``N`` notes, and what stays outside the events.

    ``onset`` in ticks; ``part``, ``pitch``, ``duration``, ``velocity`` as classes (see ``VOCABULARY``).
    Wait and end events are not stored: they follow from the onsets (``time_shifts``).
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
        """The part classes that play, sorted."""
        return tuple(np.unique(self.part).tolist())


def encode(song: Song) -> EventSequence:
    """``song`` as events; parts joined, drums merged, clipped and classed as ``quantised`` says."""
    rows: list[tuple[int, int, int, int, int]] = []
    for part, notes in _parts(song.tracks).items():
        rows += _part_rows(part, notes)
    rows.sort()
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return EventSequence(
        columns[0], columns[1], columns[2], columns[3], columns[4], song.tempos, song.meters, song.title, song.end
    )


def decode(events: EventSequence) -> Song:
    """The song that ``events`` spell; tracks in the order of their part classes."""
    band = events.band
    tracks = []
    for part in band:
        own = events.part == part
        notes = _notes(part, events.onset[own], events.pitch[own], events.duration[own], events.velocity[own])
        tracks.append(Track(*part_instrument(part), notes, part_name(part, band)))
    return Song(tuple(tracks), events.tempos, events.meters, events.title, end=events.end)


def quantised(song: Song) -> Song:
    """What the representation can hold of a song: decoding what was encoded. Idempotent."""
    return decode(encode(song))


def _parts(tracks: Iterable[Track]) -> dict[int, list[Note]]:
    """Notes by part class: drum tracks are one part (they share a kit), the busiest ``PART_LIMIT`` parts stay."""
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
            rows.append((note.onset, part, pitch + 128 * is_drum, duration, note.velocity // VELOCITY_STEP))
    return rows


def _fitting_class(duration: int, gap: int) -> int:
    """A duration's class, no longer than the ``gap`` until the same pitch is struck again: nothing hangs over."""
    return min(duration_class(duration), longest_class_within(gap))


def _notes(part: int, onset: Ints, pitch: Ints, duration: Ints, velocity: Ints) -> tuple[Note, ...]:
    rows = zip(
        onset.tolist(),
        (pitch - 128 * part_instrument(part)[1]).tolist(),
        np.asarray(DURATIONS)[duration].tolist(),
        (velocity * VELOCITY_STEP + VELOCITY_STEP // 2).tolist(),
        strict=True,
    )
    return tuple(Note(*row) for row in rows)
