"""Turns generated notes into a song as it sounds: notes end when they are struck again or a part runs out of voices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from midi_data.events.encoding import DRUM_PITCH, DURATIONS, VELOCITY_STEP, part_instrument, part_name
from midi_data.general_midi import usual_polyphony
from midi_data.song import Meter, Note, Song, Tempo, Track


class _Generated(NamedTuple):
    onset: int
    part: int
    pitch: int
    duration: int
    velocity: int


def song_of(
    notes: NDArray[np.int32], band: Sequence[int], meter: Meter, bars: int, tempo_bpm: float, title: str
) -> Song:
    """The song of ``notes`` (N, 5) as in ``SongState.notes``."""
    band, end = sorted(band), bars * meter.bar_ticks
    events = [_Generated(*row) for row in notes.tolist()]
    by_part = {part: sounding_notes([each for each in events if each.part == part], part, end) for part in band}
    tracks = tuple(
        Track(*part_instrument(part), tuple(by_part[part]), part_name(part, band)) for part in band if by_part[part]
    )
    return Song(tracks, (Tempo(0, tempo_bpm),), (meter,), title, end=end)


def sounding_notes(generated: Sequence[_Generated], part: int, end: int) -> list[Note]:
    """One part's notes: they end with the song, when their pitch is struck again, and where polyphony is exceeded."""
    ends = [min(note.onset + DURATIONS[note.duration], end) for note in generated]
    sounding: dict[int, tuple[int, int]] = {}
    for number, note in enumerate(generated):
        sounding = {n: span for n, span in sounding.items() if ends[n] > note.onset}
        again = [n for n in sounding if generated[n].pitch == note.pitch and generated[n].onset < note.onset]
        for n in {*again, *stolen_voices(sounding, part, note.onset)}:
            ends[n] = note.onset
        sounding[number] = (note.onset, ends[number])
    drum = DRUM_PITCH * part_instrument(part)[1]
    notes = [
        Note(note.onset, note.pitch - drum, ends[n] - note.onset, note.velocity * VELOCITY_STEP + VELOCITY_STEP // 2)
        for n, note in enumerate(generated)
    ]
    return sorted(notes)


def stolen_voices(sounding: Mapping[int, tuple[int, int]], part: int, onset: int) -> list[int]:
    """Numbers of the sounding notes (number → (onset, end)) that end so that one more keeps the part's polyphony.

    The earliest first; notes that begin at ``onset`` too form a chord and are kept.
    """
    over = len(sounding) + 1 - usual_polyphony(*part_instrument(part))
    earlier = sorted((begun, number) for number, (begun, _) in sounding.items() if begun < onset)
    return [number for _, number in earlier[: max(over, 0)]]
