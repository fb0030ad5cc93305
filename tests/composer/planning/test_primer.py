"""Primers under a request's rules: silence, meter, key, band, tempo and length, each change told."""

from dataclasses import replace

import pytest

from composer.planning.files.primer import fit_primer
from composer.request import ComposeRequest, KeyRequest, PartRequest
from midi_data.keys import Key
from midi_data.shifting import shift_song
from midi_data.song import Meter, Note, Song, Tempo, Track
from tests.songs import riff


def request(**wishes: object) -> ComposeRequest:
    return ComposeRequest.model_validate({"genres": {"heavy-metal": 1.0}, **wishes})


def fitted(song: Song, **wishes: object) -> tuple[Song, tuple[str, ...]]:
    primer = fit_primer(song, request(**wishes))
    assert primer.song is not None
    return primer.song, primer.notices


def scale(program: int = 73, start: int = 60) -> Track:
    return Track(program, False, tuple(Note(24 * n, start + n, 24, 80) for n in range(8)), "Tune")


def test_a_plain_primer_is_taken_as_it_is() -> None:
    song, notices = fitted(riff(bars=2))
    assert song.tracks == riff(bars=2).tracks
    assert notices == ()


def test_leading_silence_is_left_out_and_told() -> None:
    song, notices = fitted(shift_song(riff(bars=2), 8 * 96))
    assert song.tracks == riff(bars=2).tracks
    assert notices == ("8 bars of silence at the primer's beginning left out",)


def test_the_meter_that_rules_longest_is_the_songs() -> None:
    song, notices = fitted(Song((scale(),), meters=(Meter(0, 3, 4), Meter(72, 2, 4))))
    assert song.meters == (Meter(0, 2, 4),)
    assert song.tracks[0].notes[3].onset % 48 == 0  # the first 2/4 bar line is a bar line still
    assert "3/4" not in notices[0]
    assert "its bars are 2/4" in notices[0]


def test_a_pickup_bar_is_a_pickup() -> None:
    song, notices = fitted(Song((scale(),), meters=(Meter(0, 1, 4), Meter(24, 4, 4))))
    assert song.meters == (Meter(0, 4, 4),)
    assert [note.onset for note in song.tracks[0].notes][:3] == [72, 96, 120]
    assert notices == ()


@pytest.mark.parametrize(("bpm", "becomes"), [(20.0, 40.0), (500.0, 300.0)])
def test_a_tempo_out_of_range_is_clamped_and_told(bpm: float, becomes: float) -> None:
    song, notices = fitted(riff(bars=2, tempo_bpm=bpm))
    assert song.tempo_bpm == becomes
    assert notices == (f"tempo is 40–300 BPM: the primer's {bpm:g} becomes {becomes:g}",)


def test_an_asked_tempo_wins_and_changes_on_the_way_are_told() -> None:
    changing = replace(riff(bars=2), tempos=(Tempo(0, 100.0), Tempo(48, 120.0)))
    assert fitted(riff(bars=2, tempo_bpm=500.0), tempo_bpm=90)[0].tempos == (Tempo(0, 90.0),)
    assert fitted(changing)[1] == ("the primer's 1 tempo change not kept: 120 BPM",)


def test_the_primer_moves_to_the_asked_key() -> None:
    in_c = Song((scale(), Track(0, True, (Note(0, 36, 6, 90),))), key=Key(0, "minor"))
    song, notices = fitted(in_c, key=KeyRequest(tonic=2, mode="minor"))
    assert song.tracks[0].notes[0].pitch == 62
    assert song.tracks[1].notes[0].pitch == 36
    assert notices == ("primer moved by 2 semitones from C minor to D minor",)
    _, notices = fitted(in_c, key=KeyRequest(tonic=0, mode="major"))
    assert notices == ("asked for C major, the primer is minor",)


def test_the_asked_band_plays_the_primer() -> None:
    band = (PartRequest(program=40), PartRequest(program=43), PartRequest(program=25, is_drum=True))
    song, notices = fitted(riff(bars=2), band=band)
    assert sorted((t.program, t.is_drum) for t in song.tracks) == [(0, True), (40, False), (43, False)]
    assert song.note_count == riff(bars=2).note_count
    assert set(notices) == {
        "the primer's Guitar is played by Violin",
        "the primer's Bass is played by Contrabass",
    }
    violin = next(track for track in song.tracks if track.program == 40)
    assert min(note.pitch for note in violin.notes) >= 55


def test_parts_that_nobody_asked_for_are_left_out_and_told() -> None:
    song, notices = fitted(riff(bars=2), band=(PartRequest(program=33),))
    assert [track.name for track in song.tracks] == ["Bass"]
    assert "the primer's Guitar is left out: the asked band has no part for it" in notices
    assert "the primer's Drums is left out: the asked band has no part for it" in notices


def test_a_primer_of_which_nothing_is_left_is_told() -> None:
    drums = Song((riff(bars=2).tracks[0],))
    primer = fit_primer(drums, request(band=(PartRequest(program=40),)))
    assert primer.song is None
    assert primer.notices[-1].startswith("nothing of the primer is left")


def test_a_long_primer_is_cut_and_told() -> None:
    _, notices = fitted(riff(bars=32, tempo_bpm=120.0), length_seconds=20)
    assert notices == ("the song goes on from the primer's first 20 quarters, half of its length",)
