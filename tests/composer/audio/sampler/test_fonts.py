from collections.abc import Callable
from pathlib import Path

import pytest

from composer.audio.sampler import fonts
from composer.audio.sampler.fonts import SOUNDFONT_VARIABLE, bundled_font, chosen_font, soundfont
from composer.errors import RefusedError


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder that is searched."""
    monkeypatch.delenv(SOUNDFONT_VARIABLE)
    monkeypatch.setattr(fonts, "FONT_FOLDERS", (str(tmp_path / "fonts"),))
    (tmp_path / "fonts").mkdir()
    return tmp_path / "fonts"


def test_the_wheel_s_font_plays_where_none_is_installed(folder: Path) -> None:
    assert folder.is_dir()
    assert chosen_font().path == bundled_font()
    assert bundled_font().name == "TimGM6mb.sf2"
    assert chosen_font().reason == "bundled"


def test_a_better_font_is_found_and_the_preferred_one_wins(folder: Path) -> None:
    for name in ("FluidR3_GM.sf2", "MuseScore_General_Lite.sf3"):
        (folder / name).touch()
        assert (chosen_font().path, chosen_font().reason) == (folder / name, "installed")


def test_the_variable_wins_and_must_name_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tiny_font: Callable[[bool], Path]
) -> None:
    (folder / "FluidR3_GM.sf2").touch()
    named = tiny_font(True)
    monkeypatch.setenv(SOUNDFONT_VARIABLE, str(named))
    assert (chosen_font().path, chosen_font().reason) == (named, "named")
    named.unlink()
    with pytest.raises(RefusedError, match=r"tiny\.sf3"):
        chosen_font()


def test_a_font_is_loaded_once() -> None:
    assert soundfont() is soundfont()
