"""Chords are found in notes: known progressions, any key, any meter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from midi_data.analysis.chords import chord_slots, chords_of, slot_edges, transposed_chords
from midi_data.bars import BarGrid
from midi_data.chords import CHORD_CLASSES, QUALITIES, chord_name, chord_tones, parse_chords
from midi_data.events.encoding import encode
from midi_data.song import Meter, Note, Song, Track

BAR = 96


def song_of(progression: str, meter: tuple[int, int] = (4, 4), *, noise: int = 0) -> Song:
    """Bass on the root in quarters, block chords in half bars, and ``noise`` random passing notes a bar."""
    length = Meter(0, *meter).bar_ticks
    rng = np.random.default_rng(5)
    bass, comp, tune = [], [], []
    for bar, halves in enumerate(parse_chords(progression).bars):
        for half, chord in enumerate(halves):
            start, size = bar * length + half * length // 2, length // 2
            tones = chord_tones(chord)
            comp += [Note(start, 60 + tone, size, 80) for tone in tones]
            bass += [Note(start + step, 36 + tones[0], 12, 90) for step in range(0, size, 12)]
        onsets = rng.integers(0, length - 6, noise).tolist()
        tune += [Note(bar * length + onset, int(rng.integers(72, 84)), 6, 80) for onset in onsets]
    tracks = (Track(33, is_drum=False, notes=tuple(sorted(set(bass)))),
              Track(0, is_drum=False, notes=tuple(sorted(set(comp)))),
              Track(73, is_drum=False, notes=tuple(sorted(set(tune)))))  # fmt: skip
    return Song(tracks, meters=(Meter(0, *meter),), end=length * len(parse_chords(progression).bars))


@pytest.mark.parametrize(
    "progression",
    [
        "Am F C G Am F C G",
        "Dm7 G7 Cmaj7 Cmaj7 Dm7 G7 Cmaj7 A7",
        "E5 E5 G5 A5 E5 E5 G5 A5",
        "C-G Am-F C-G F",
        "C7 F7 C7 G7",
    ],
)
@pytest.mark.parametrize("noise", [0, 3])
def test_known_progressions_are_found(progression: str, noise: int) -> None:
    assert chords_of(song_of(progression, noise=noise)) == progression.split()


@pytest.mark.parametrize("quality", QUALITIES)
def test_every_quality_is_found(quality: str) -> None:
    name = f"D{quality}"
    assert chords_of(song_of(f"{name} {name} G {name}"))[:2] == [name, name]


@pytest.mark.parametrize("semitones", range(-5, 7))
def test_extraction_moves_with_the_notes(semitones: int) -> None:
    plain = encode(song_of("Am F-Dm7 C G7 E7 Bdim", noise=4))
    moved = replace(plain, pitch=plain.pitch + semitones)
    grid = BarGrid.of(plain.meters, plain.end)
    assert transposed_chords(chord_slots(plain, grid), semitones).tolist() == chord_slots(moved, grid).tolist()


@pytest.mark.parametrize(
    ("meter", "slots"), [((4, 4), 2), ((3, 4), 1), ((6, 8), 1), ((12, 8), 2), ((5, 4), 2), ((2, 4), 1)]
)
def test_meters_have_one_slot_or_two(meter: tuple[int, int], slots: int) -> None:
    song = song_of("Am F C G", meter)
    grid = BarGrid.of(song.meters, song.end)
    assert len(slot_edges(grid)[1]) == slots * 4
    assert chords_of(song) == ["Am", "F", "C", "G"]


def test_silence_has_no_chord_and_a_short_rest_keeps_its_chord() -> None:
    chord = [Note(0, pitch, BAR, 80) for pitch in (48, 60, 64, 67)]
    again = [Note(2 * BAR, note.pitch, BAR, 80) for note in chord]
    rest = Song((Track(0, is_drum=False, notes=(*chord, *again)),), end=3 * BAR)
    assert chords_of(rest) == ["C", "C", "C"]
    silent = Song((Track(0, is_drum=False, notes=tuple(chord)),), end=8 * BAR)
    assert chords_of(silent)[-1] == "N.C."
    assert chords_of(Song((), end=2 * BAR)) == ["N.C.", "N.C."]


def test_drums_have_no_chords() -> None:
    drums = tuple(Note(tick, 36 + tick % 5, 6, 80) for tick in range(0, 4 * BAR, 12))
    assert set(chords_of(Song((Track(0, is_drum=True, notes=drums),)))) == {"N.C."}


def test_transposing_by_an_octave_changes_nothing() -> None:
    every = np.arange(CHORD_CLASSES)
    assert transposed_chords(every, 12).tolist() == every.tolist()
    assert chord_name(int(transposed_chords(np.array(parse_chords("Am").bars[0][0]), 3))) == "Cm"
