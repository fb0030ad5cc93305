"""Tests never see, or touch, the genres that whoever runs them has taught the band."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_genres_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("RIFFBIRD_GENRES_DIR")
    os.environ["RIFFBIRD_GENRES_DIR"] = str(tmp_path_factory.mktemp("genres"))
    yield
    if before is None:
        del os.environ["RIFFBIRD_GENRES_DIR"]
    else:
        os.environ["RIFFBIRD_GENRES_DIR"] = before


@pytest.fixture(scope="session", autouse=True)
def bundled_soundfont() -> Iterator[None]:
    """Every machine renders with the wheel's soundfont, whatever is installed; a test may name another."""
    from composer.audio.sampler.fonts import SOUNDFONT_VARIABLE, bundled_font

    before = os.environ.get(SOUNDFONT_VARIABLE)
    os.environ[SOUNDFONT_VARIABLE] = str(bundled_font())
    yield
    if before is None:
        del os.environ[SOUNDFONT_VARIABLE]
    else:
        os.environ[SOUNDFONT_VARIABLE] = before


@pytest.fixture
def genres_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for genres of one test's own."""
    monkeypatch.setenv("RIFFBIRD_GENRES_DIR", str(tmp_path / "own-genres"))
    return tmp_path / "own-genres"
