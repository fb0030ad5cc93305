"""``riffbird sound`` and ``riffbird compose --stems``."""

import json
import zipfile
from pathlib import Path

import pytest

from composer.audio.sampler.fonts import SOUNDFONT_VARIABLE, bundled_font
from tests.bot.cli.test_command import riffbird, tiny

__all__ = ["tiny"]


def test_it_says_which_font_plays_and_how_to_get_a_better_one(tmp_path: Path) -> None:
    named = riffbird("sound", "--json", cwd=tmp_path)
    assert named.returncode == 0, named.stderr
    facts = json.loads(named.stdout)
    assert (facts["soundfont"], facts["reason"]) == (str(bundled_font()), "named")
    assert 0 in facts["kits"]
    assert SOUNDFONT_VARIABLE in riffbird("sound", cwd=tmp_path).stdout


def test_a_font_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOUNDFONT_VARIABLE, str(tmp_path / "gone.sf2"))
    result = riffbird("sound", cwd=tmp_path)
    assert result.returncode == 2
    assert "gone.sf2" in result.stderr


def test_stems_are_one_wav_a_part(tiny: Path, tmp_path: Path) -> None:
    result = riffbird(
        "compose", "--checkpoint", tiny, "--length", "10", "--seed", "3", "--format", "mid", "--stems", "--json",
        "--out", "out", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["files"].keys() == {"mid", "stems"}
    with zipfile.ZipFile(tmp_path / facts["files"]["stems"]) as archive:
        assert len(archive.namelist()) == sum(part["notes"] > 0 for part in facts["parts"])
        assert all(name.endswith(".wav") for name in archive.namelist())
