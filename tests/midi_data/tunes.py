"""A tune with harmony, bass and drums that makes plain where its bars are, and ways to write it down badly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from midi_data.io.midi_file import end_on_bar
from midi_data.song import Meter, Note, Song, Tempo, Track

CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))


def tune(seed: int = 0, bars: int = 24) -> Song:
    """4/4: a chord and a low root a bar, kick on 1 and 3, a melody that wanders by seed."""
    rng = np.random.default_rng(seed)
    melody, chords, bass, drums, pitch = [], [], [], [], 72
    for bar in range(bars):
        start, chord = bar * 96, CHORDS[int(rng.integers(4))]
        chords += [Note(start, 48 + step, 90, 70) for step in chord]
        bass += [Note(start, 36 + chord[0], 44, 90), Note(start + 48, 36 + chord[0], 20, 80)]
        drums += [Note(start + 48 * half, 36, 6, 110) for half in range(2)]
        drums += [Note(start + 24 + 48 * half, 38, 6, 100) for half in range(2)]
        drums += [Note(start + 12 * eighth, 42, 6, 70) for eighth in range(8)]
        for step in sorted({0, *rng.integers(0, 8, 6).tolist()}):
            pitch = int(np.clip(pitch + rng.integers(-5, 6), 60, 84))
            melody.append(Note(start + step * 12, pitch, 36 if step == 0 else 10, 90))
    tracks = (
        Track(0, True, tuple(sorted(drums)), "Drums"),
        Track(0, False, tuple(sorted(chords)), "Piano"),
        Track(33, False, tuple(sorted(bass)), "Bass"),
        Track(73, False, tuple(sorted(melody)), "Flute"),
    )
    return end_on_bar(Song(tracks, (Tempo(0, 120.0),), (Meter(0, 4, 4),), "Tune"))


def with_notes(song: Song, change: Callable[[Note], Note]) -> Song:
    """``song`` with every note changed."""
    return end_on_bar(
        Song(
            tuple(replace(t, notes=tuple(sorted(change(note) for note in t.notes))) for t in song.tracks),
            song.tempos,
            song.meters,
            song.title,
        )
    )


def later(song: Song, ticks: int) -> Song:
    """``song`` with every note later and the bars where they were."""
    return with_notes(song, lambda note: replace(note, onset=note.onset + ticks))


def scattered(song: Song, ticks: int, seed: int = 0) -> Song:
    """``song`` with each onset somewhere within ``ticks`` after its place."""
    rng = np.random.default_rng(seed)
    moves = {onset: int(rng.integers(0, ticks)) for t in song.tracks for onset in {n.onset for n in t.notes}}
    return with_notes(song, lambda note: replace(note, onset=note.onset + moves[note.onset]))
