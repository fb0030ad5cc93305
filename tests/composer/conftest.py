"""Tiny hand-made songs, and eyes and ears for what is rendered from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from composer.audio.signal import SAMPLE_RATE, Audio
from midi_data.song import Meter, Note, Song, Tempo, Track

BAR = 96


def _riff(*pitches: int, length: int = 12, velocity: int = 100) -> tuple[Note, ...]:
    return tuple(Note(index * 12, pitch, length, velocity) for index, pitch in enumerate(pitches))


@pytest.fixture(scope="session")
def render_band() -> Song:
    """Two bars of a whole metal band at 120 beats a minute: four seconds."""
    beat = [Note(tick, key, 6, 110) for tick in range(0, 2 * BAR, 24) for key in (42, 36 if tick % 48 == 0 else 38)]
    return Song(
        (
            Track(0, is_drum=True, notes=tuple(sorted(beat)), name="Drums"),
            Track(34, is_drum=False, notes=_riff(*(28, 28, 31, 28, 33, 31, 28, 26) * 2), name="Bass"),
            Track(30, is_drum=False, notes=_riff(*(40, 40, 43, 40, 45, 43, 40, 38) * 2), name="Guitar left"),
            Track(30, is_drum=False, notes=_riff(*(47, 47, 50, 47, 52, 50, 47, 45) * 2), name="Guitar right"),
            Track(0, is_drum=False, notes=(Note(0, 64, BAR, 80), Note(0, 67, BAR, 80), Note(BAR, 62, BAR, 80))),
        ),
        tempos=(Tempo(0, 120.0),),
        meters=(Meter(0, 4, 4),),
        title="Dancing robots",
        end=2 * BAR,
    )


@pytest.fixture(scope="session")
def render_silence() -> Song:
    """One bar in which nobody plays."""
    return Song((Track(30, is_drum=False),), end=BAR)


@pytest.fixture(scope="session")
def render_decoded() -> Callable[[Path], Audio]:
    """A function that decodes any audio or video file's sound: (samples, 2) at ``SAMPLE_RATE``."""

    def decoded(path: Path) -> Audio:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
        with av.open(str(path)) as container:
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            return np.concatenate([frame.to_ndarray() for frame in frames], axis=1).T

    return decoded
