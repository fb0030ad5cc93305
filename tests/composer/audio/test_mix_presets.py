import pytest

from composer.audio.genre_mix import GENRE_MIXES
from composer.audio.mix_presets import (
    BASS,
    DISTORTED_GUITAR,
    DRUMS,
    OVERDRIVEN_GUITAR,
    adapted_preset,
    placements,
    preset_for,
)
from midi_data.song import Note, Track

METAL = GENRE_MIXES["heavy-metal"]


def track(program: int, *, is_drum: bool = False) -> Track:
    return Track(program, is_drum, (Note(0, 40, 24, 100),))


@pytest.mark.parametrize("program", range(128))
def test_every_program_has_a_role(program: int) -> None:
    preset = preset_for(track(program))
    assert -10 <= preset.level_lu <= 0
    assert 0 <= preset.width <= 1
    assert all(-1 <= place <= 1 for place in preset.pans)


def test_drums_and_bass_are_in_the_middle() -> None:
    assert preset_for(track(0, is_drum=True)) is DRUMS
    assert preset_for(track(34)) is BASS
    assert [place.pans for place in placements([track(0, is_drum=True), track(34)], METAL)] == [(0.0,), (0.0,)]


def test_two_guitars_stand_opposite_even_with_different_sounds() -> None:
    left, right = placements([track(29), track(30)], METAL)
    assert left.preset.drive < right.preset.drive
    assert (preset_for(track(29)), preset_for(track(30))) == (OVERDRIVEN_GUITAR, DISTORTED_GUITAR)
    assert left.pans[0] == -right.pans[0] < 0


def test_a_lone_amplified_guitar_is_doubled() -> None:
    (guitar,) = placements([track(30)], METAL)
    assert len(guitar.pans) == 2
    assert guitar.pans[0] == -guitar.pans[1]


def test_parts_alike_share_their_loudness() -> None:
    alone, together = placements([track(30)], METAL)[0], placements([track(30)] * 4, METAL)[0]
    assert together.level_lu == pytest.approx(alone.level_lu - 3.01, abs=0.01)


def test_more_guitars_than_positions_still_have_a_place() -> None:
    assert len(placements([track(30)] * 16, METAL)) == 16


@pytest.mark.parametrize("name", GENRE_MIXES)
def test_a_genre_corrects_drums_reverberation_and_drive(name: str) -> None:
    mix = GENRE_MIXES[name]
    drums, guitar = adapted_preset(track(0, is_drum=True), mix), adapted_preset(track(30), mix)
    assert (drums.level_lu, drums.reverb, drums.shelves_db[1]) == (mix.drums_lu, mix.drum_reverb, mix.drum_air_db)
    assert guitar.drive == pytest.approx(DISTORTED_GUITAR.drive * mix.drive)
    assert guitar.reverb == pytest.approx(DISTORTED_GUITAR.reverb * mix.reverb)
