from pathlib import Path

import pytest

from composer.audio.sampler.fonts import soundfont
from composer.audio.sampler.soundfont import SoundFont
from composer.errors import RefusedError


@pytest.mark.parametrize("program", range(128))
def test_every_program_sounds_at_middle_c(program: int) -> None:
    answering = [region for region in soundfont().regions(program, is_drum=False) if region.matches(60, 100)]
    assert answering
    assert all(len(region.recording) for region in answering)


@pytest.mark.parametrize("key", [36, 38, 42, 46, 49, 51])
def test_the_standard_kit_has_the_usual_drums(key: int) -> None:
    assert any(region.matches(key, 100) for region in soundfont().regions(0, is_drum=True))


def test_a_kit_the_font_does_not_have_is_played_on_its_relative() -> None:
    assert soundfont().regions(17, is_drum=True)[0].number == soundfont().regions(16, is_drum=True)[0].number


@pytest.mark.parametrize(("kit", "name"), [(25, "808"), (40, "brush"), (48, "orchestra")])
def test_a_kit_of_its_own_is_played(kit: int, name: str) -> None:
    assert kit in soundfont().kits, name
    own, standard = (soundfont().regions(program, is_drum=True) for program in (kit, 0))
    assert {region.number for region in own} != {region.number for region in standard}


def test_loops_lie_inside_their_recordings() -> None:
    for region in soundfont().regions(48, is_drum=False):
        assert region.loop is not None
        begin, end = region.loop
        assert 0 <= begin < end <= len(region.recording)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x00\x00\x00\x00sfbkLIST", b"not a font at all" * 10])
def test_a_file_that_is_no_font_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.sf2").write_bytes(content)
    with pytest.raises(RefusedError, match="is not a SoundFont 2 or 3 file") as refusal:
        SoundFont(tmp_path / "odd.sf2")
    assert "\n" not in str(refusal.value)
