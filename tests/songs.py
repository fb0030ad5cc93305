"""Tiny hand-made songs and MIDI folders for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from midi_data.io.midi_file import end_on_bar
from midi_data.io.midi_writer import write_midi
from midi_data.song import Meter, Note, Song, Tempo, Track


def riff(seed: int = 0, bars: int = 8, tempo_bpm: float = 140.0, title: str = "Riff") -> Song:
    """A drum, bass and guitar riff that differs by ``seed``; whole bars of 4/4."""
    rng = np.random.default_rng(seed)
    bass, guitar, drums = [], [], []
    roots = rng.integers(36, 48, 4)
    for bar in range(bars):
        start, root = bar * 96, int(roots[bar % 4])
        for eighth in range(8):
            bass.append(Note(start + eighth * 12, root, 12, 90))
            drums.append(Note(start + eighth * 12, 42, 6, 70))
        drums += [Note(start + quarter * 24, 36 if quarter % 2 == 0 else 38, 6, 110) for quarter in range(4)]
        for step in np.flatnonzero(rng.random(16) < 0.5).tolist():
            guitar += [Note(start + step * 6, root + 12, 6, 100), Note(start + step * 6, root + 19, 6, 100)]
    guitar = guitar or [Note(0, 52, 6, 100)]
    tracks = (
        Track(0, True, tuple(sorted(drums)), "Drums"),
        Track(30, False, tuple(sorted(guitar)), "Guitar"),
        Track(33, False, tuple(sorted(bass)), "Bass"),
    )
    return end_on_bar(Song(tracks, (Tempo(0, tempo_bpm),), (Meter(0, 4, 4),), title))


def midi_folder(folder: Path, count: int = 6, bars: int = 8) -> Path:
    """``count`` different riffs as MIDI files."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        write_midi(riff(seed, bars), folder / f"riff-{seed}.mid")
    return folder
