"""Songs like a person's file: its band, chart and style under the request's rules, each change told, no note of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from composer.decoding.generate import Composer
from composer.model.checkpoint import load_checkpoint
from composer.planning.files.like import fit_reference, nearest_genre, outline_of_song
from composer.planning.outline import Outline
from composer.planning.plan import plan_song
from composer.request import ComposeRequest, KeyRequest, PartRequest
from midi_data.analysis.activity import RESTS, UNCONDITIONED
from midi_data.analysis.chords import chord_slots
from midi_data.analysis.novelty import copy_rate, grams
from midi_data.bars import BarGrid
from midi_data.chords import bar_name
from midi_data.events.encoding import encode, part_code
from midi_data.io.midi_file import end_on_bar
from midi_data.song import Meter, Note, Song, Tempo, Track
from tests.songs import riff

DRUMS, PIANO, BASS = part_code(0, is_drum=True), part_code(0, is_drum=False), part_code(33, is_drum=False)
TRIADS = {"C": (60, 64, 67), "Am": (57, 60, 64), "F": (53, 57, 60), "G": (55, 59, 62)}
FOUR = Meter(0, 4, 4)
SECONDS_OF_8_BARS = 16.0


def comping(bars: int = 8, meter: Meter = FOUR, late_from: int | None = None) -> Song:
    """Piano triads and bass roots of C Am F G, a bar each, at 120 BPM; a flute from bar ``late_from`` on."""
    piano, bass, flute = [], [], []
    for bar in range(bars):
        pitches = TRIADS[("C", "Am", "F", "G")[bar % 4]]
        for beat in range(meter.bar_ticks // 24):
            tick = bar * meter.bar_ticks + 24 * beat
            piano += [Note(tick, pitch, 22, 80) for pitch in pitches]
            bass.append(Note(tick, pitches[0] - 24, 22, 90))
            if late_from is not None and bar >= late_from:
                flute.append(Note(tick, 12 + pitches[beat % 3], 22, 80))
    tracks = [Track(0, False, tuple(piano), "Piano"), Track(33, False, tuple(bass), "Bass")]
    tracks += [Track(73, False, tuple(flute), "Flute")] if flute else []
    return end_on_bar(Song(tuple(tracks), (Tempo(0, 120.0),), (meter,), "Comping"))


def request(**wishes: object) -> ComposeRequest:
    return ComposeRequest.model_validate(
        {"genres": {"pop": 1.0}, "seed": 3, "length_seconds": SECONDS_OF_8_BARS, **wishes}
    )


def outlined(song: Song, **wishes: object) -> tuple[Outline, tuple[str, ...]]:
    asked = request(**wishes)
    reference = fit_reference(song, asked)
    assert reference.song is not None
    return outline_of_song(reference.song, asked, load_checkpoint()), reference.notices


def names(outline: Outline) -> list[str]:
    assert outline.chords is not None
    return [bar_name(*bar) for bar in outline.chords.tolist()]


def test_band_chords_meter_and_tempo_are_the_files() -> None:
    outline, notices = outlined(comping())
    assert outline.band == (PIANO, BASS)
    assert names(outline) == ["C", "Am", "F", "G"] * 2
    assert (outline.facts.tempo_bpm, outline.facts.bars) == (120.0, 8)
    assert (outline.activity > RESTS).all()
    assert set(outline.attribute_histograms) == {PIANO, BASS}
    assert notices == ()
    assert outlined(comping(meter=Meter(0, 3, 4)))[0].facts.meter == Meter(0, 3, 4)


def test_a_short_file_is_repeated_and_a_long_one_cut_both_told() -> None:
    short, notices = outlined(comping(bars=3))
    assert names(short) == ["C", "Am", "F", "C", "Am", "F", "C", "Am"]
    assert notices == ("the file's 3 bars are repeated over the song's 8",)
    long, notices = outlined(comping(bars=12))
    assert names(long) == ["C", "Am", "F", "G"] * 2
    assert notices == ("the song's chart is that of the first 8 of the file's 12 bars",)


def test_a_part_that_would_begin_too_late_plays_in_the_second_half() -> None:
    outline, notices = outlined(comping(bars=16, late_from=10))
    flute = outline.band.index(part_code(73, is_drum=False))
    assert (outline.activity[:4, flute] == RESTS).all()
    assert (outline.activity[4:, flute] > RESTS).any()
    assert notices[-1] == "what begins later in the file plays in the song's second half: Flute"


def test_other_wishes_override_the_file_and_are_told() -> None:
    outline, notices = outlined(comping(), tempo_bpm=90, length_seconds=8 * 4 * 60 / 90)
    assert (outline.facts.tempo_bpm, notices) == (90.0, ("asked for 90 BPM, the file has 120",))
    outline, notices = outlined(comping(), key=KeyRequest(tonic=2, mode="major"))
    assert names(outline)[:4] == ["D", "Bm", "G", "A"]
    assert notices == ("file moved by 2 semitones from C major to D major",)
    outline, notices = outlined(comping(), chords=("G", "D"))
    assert names(outline)[:4] == ["G", "D", "G", "D"]
    assert notices[-1] == "the asked chords take the place of the file's"


def test_an_asked_band_takes_over_the_files_parts() -> None:
    band = (PartRequest(program=16), PartRequest(program=32), PartRequest(program=0, is_drum=True))
    outline, notices = outlined(comping(), band=band)
    organ, bass = part_code(16, is_drum=False), part_code(32, is_drum=False)
    assert outline.band == (DRUMS, organ, bass)
    assert (outline.activity[:, 0] == UNCONDITIONED).all()
    assert (outline.activity[:, 1:] > RESTS).all()
    assert any("Piano is played by" in notice for notice in notices)


def test_a_file_with_nothing_for_the_band_is_told() -> None:
    song = Song((Track(0, True, (Note(0, 36, 6, 90),), "Drums"),))
    reference = fit_reference(song, request(band=(PartRequest(program=0),)))
    assert reference.song is None
    assert reference.notices[-1] == "nothing of the file is left: the song is composed without it"


def quartet() -> Song:
    """Four bars of strings."""
    pitches = ((40, (72, 74, 76, 77)), (40, (67, 67, 67, 69)), (41, (64, 62, 60, 60)), (42, (48, 55, 48, 53)))
    tracks = (
        Track(program, is_drum=False, notes=tuple(Note(48 * i, own[i % 4], 48, 80) for i in range(16)))
        for program, own in pitches
    )
    return Song(tuple(tracks), tempos=(Tempo(0, 80.0),), meters=(Meter(0, 4, 4),), end=768)


def test_the_genre_is_told_by_band_and_notes() -> None:
    checkpoint = load_checkpoint()
    assert nearest_genre(riff(), checkpoint) in ("heavy-metal", "rock", "game")
    assert nearest_genre(quartet(), checkpoint) == "classical"


@pytest.mark.parametrize("program", [0, 24])
def test_a_song_has_the_files_band_and_chords_and_none_of_its_melodies(program: int) -> None:
    checkpoint, file = load_checkpoint(), comping(late_from=0)
    file = replace(file, tracks=(replace(file.tracks[0], program=program), *file.tracks[1:]))
    outline, _ = outlined(file)
    (song,) = Composer(checkpoint).compose([plan_song(request(), checkpoint, outline=outline)])
    given, made = encode(file), encode(song)
    assert made.band == given.band
    found = chord_slots(made, BarGrid.of(made.meters, made.end))
    wanted = chord_slots(given, BarGrid.of(given.meters, given.end))[: len(found)]
    assert (found == wanted).mean() >= 0.8
    rate = copy_rate(grams(made), np.unique(grams(given)))
    assert np.isnan(rate) or rate < 0.05
