"""Soundfonts: a tiny one written by the tests, and every font that the mix must sound right with."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from composer.audio.sampler.fonts import SOUNDFONT_VARIABLE, bundled_font, installed_font

RATE, LENGTH = 44_100, 22_050
RECORDING = (12_000 * np.sin(2 * np.pi * 441 * np.arange(LENGTH) / RATE)).astype("<i2")
"""441 Hz: its period is 100 samples, so it loops without a seam."""


@pytest.fixture(params=["bundled", "installed"])
def soundfont_file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Renders with the wheel's font and with a better one, where one is installed."""
    path = bundled_font() if request.param == "bundled" else installed_font()
    if path is None:
        pytest.skip("no better soundfont is installed: apt-get install musescore-general-soundfont-small")
    monkeypatch.setenv(SOUNDFONT_VARIABLE, str(path))
    return path


@pytest.fixture
def tiny_font(tmp_path: Path) -> Callable[[bool], Path]:
    """A function that writes a font of one looped sine, as SF2 (False) or SF3 (True)."""

    def write(compressed: bool) -> Path:
        path = tmp_path / ("tiny.sf3" if compressed else "tiny.sf2")
        path.write_bytes(_font(compressed))
        return path

    return write


def _font(compressed: bool) -> bytes:
    samples = _vorbis() if compressed else RECORDING.tobytes()
    origin = 0 if compressed else 100  # SF2 loop points count from the chunk, SF3's from the recording
    if not compressed:
        samples = bytes(200) + samples
    start, end = (0, len(samples)) if compressed else (origin, origin + LENGTH)
    header = struct.pack(
        "<20sIIIIIBbHH", b"sine", start, end, origin + 1000, origin + 21_000, RATE, 69, 0, 0, 0x11 if compressed else 1
    )
    records = {
        b"phdr": struct.pack("<20sHHHIII", b"sine", 0, 0, 0, 0, 0, 0)
        + struct.pack("<20sHHHIII", b"EOP", 0, 0, 1, 0, 0, 0),
        b"pbag": struct.pack("<HHHH", 0, 0, 1, 0),
        b"pmod": bytes(10),
        b"pgen": struct.pack("<HhHh", 41, 0, 0, 0),
        b"inst": struct.pack("<20sH", b"sine", 0) + struct.pack("<20sH", b"EOI", 1),
        b"ibag": struct.pack("<HHHH", 0, 0, 2, 0),
        b"imod": bytes(10),
        b"igen": struct.pack("<HhHhHh", 54, 1, 53, 0, 0, 0),
        b"shdr": header + struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    hydra = b"".join(_chunk(name, data) for name, data in records.items())
    lists = _chunk(b"LIST", b"sdta" + _chunk(b"smpl", samples)) + _chunk(b"LIST", b"pdta" + hydra)
    return _chunk(b"RIFF", b"sfbk" + lists)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data  # no pad byte, as some SF3 writers


@cache
def _vorbis() -> bytes:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, RECORDING, RATE, format="OGG", subtype="VORBIS")
    return buffer.getvalue()
