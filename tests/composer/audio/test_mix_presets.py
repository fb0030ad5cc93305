import pytest

from composer.audio.mix_presets import BASS, DISTORTED_GUITAR, DRUMS, OVERDRIVEN_GUITAR, placements, preset_for
from midi_data.song import Note, Track


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
    assert [place.pans for place in placements([track(0, is_drum=True), track(34)])] == [(0.0,), (0.0,)]


def test_two_guitars_stand_opposite_even_with_different_sounds() -> None:
    left, right = placements([track(29), track(30)])
    assert (left.preset, right.preset) == (OVERDRIVEN_GUITAR, DISTORTED_GUITAR)
    assert left.pans[0] == -right.pans[0] < 0


def test_a_lone_amplified_guitar_is_doubled() -> None:
    (guitar,) = placements([track(30)])
    assert len(guitar.pans) == 2
    assert guitar.pans[0] == -guitar.pans[1]


def test_parts_alike_share_their_loudness() -> None:
    alone, together = placements([track(30)])[0], placements([track(30)] * 4)[0]
    assert together.level_lu == pytest.approx(alone.level_lu - 3.01, abs=0.01)


def test_more_guitars_than_positions_still_have_a_place() -> None:
    assert len(placements([track(30)] * 16)) == 16
