import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from composer.audio.sampler import sample_cache
from composer.audio.sampler.sample_cache import cache_folder, decoded_samples
from composer.audio.sampler.soundfont import SoundFont
from composer.errors import RefusedError


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    decoded_samples.cache_clear()
    yield
    decoded_samples.cache_clear()


def recording(path: Path) -> np.ndarray:
    return SoundFont(path).regions(0, is_drum=False)[0].recording


def test_a_compressed_recording_is_decoded_not_played_as_noise(tiny_font: Callable[[bool], Path]) -> None:
    plain, decoded = recording(tiny_font(False)), recording(tiny_font(True))
    assert len(decoded) == len(plain)
    assert np.abs(decoded.astype(int) - plain).max() < 600


def test_loop_points_mean_the_same_in_both_formats(tiny_font: Callable[[bool], Path]) -> None:
    loops = [SoundFont(tiny_font(compressed)).regions(0, is_drum=False)[0].loop for compressed in (False, True)]
    assert loops == [(1000, 21_000)] * 2


def test_it_is_decoded_once_and_then_mapped(tiny_font: Callable[[bool], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    first = recording(tiny_font(True)).copy()
    decoded_samples.cache_clear()
    monkeypatch.setattr(sample_cache, "_decode", None)
    again = recording(tiny_font(True))
    assert isinstance(again.base, np.memmap) or isinstance(again, np.memmap)
    assert np.array_equal(first, again)


@pytest.mark.parametrize("content", [b"", b"half a file", b"\x93NUMPY\x01\x00"])
def test_a_damaged_cache_file_is_replaced(content: bytes, tiny_font: Callable[[bool], Path]) -> None:
    first = recording(tiny_font(True)).copy()
    (file,) = cache_folder().iterdir()
    decoded_samples.cache_clear()
    file.write_bytes(content)
    assert np.array_equal(recording(tiny_font(True)), first)
    decoded_samples.cache_clear()
    assert np.array_equal(np.load(file), first)


def test_without_a_writable_cache_recordings_stay_in_memory(
    tiny_font: Callable[[bool], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert len(recording(tiny_font(True))) == 22_050
    assert "cannot be cached" in caplog.text


def test_a_stream_that_is_not_vorbis_is_refused() -> None:
    with pytest.raises(RefusedError, match="not Ogg Vorbis"):
        decoded_samples(b"OggS and nothing else")
