"""Types and units of sound in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import saxpy  # here, because only loaded libraries can be limited to one thread

Audio = NDArray[np.float32]
"""Stereo sound, (samples, 2), full scale ±1, at ``SAMPLE_RATE``."""
Mono = NDArray[np.float32]
"""One channel of sound, (samples,), at ``SAMPLE_RATE``."""

Progress = Callable[[float], None] | None
"""Callback that receives the finished fraction, 0–1; ``None`` reports nothing."""

SAMPLE_RATE = 48_000
"""Samples a second of all rendered sound; every supported network accepts it."""


def decibels(ratio: float) -> float:
    """Return an amplitude ratio in dB; −200 for 0."""
    return float(20 * np.log10(max(ratio, 1e-10)))


def amplitude(decibel: float) -> float:
    """Return the amplitude ratio of ``decibel`` dB."""
    return float(10 ** (decibel / 20))


def add_scaled(sound: Mono, gain: float | np.float32, target: Mono) -> None:
    """Add ``sound`` (samples,) times ``gain`` to ``target`` (samples,), a contiguous array, in place and in one pass.

    BLAS's other threads take longer to start than this takes: limit it to one.
    """
    if len(sound):
        saxpy(sound, target, a=gain)


def report(progress: Progress, fraction: float) -> None:
    """Pass ``fraction``, limited to 1, to ``progress`` if there is one."""
    if progress is not None:
        progress(min(fraction, 1.0))
