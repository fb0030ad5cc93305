"""The room the band plays in: a synthetic reverberation, added to a mix from one mono send.

Knows sound only; deliberately does not know parts, levels or files.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from composer.audio_files import SAMPLE_RATE, Audio

DECAY_SECONDS = 1.1
"""Time in which the room's sound falls by 60 dB."""
_PRE_DELAY_SECONDS = 0.012
_LOW_HERTZ, _HIGH_HERTZ = 180.0, 6500.0
_NOISE_SEED = 1
_BLOCK = 2**18
"""Samples of a block's transform: five times the room's answer."""


def add(bus: Audio, send: NDArray[np.float32]) -> None:
    """Add the room's answer to ``send`` (samples,) to ``bus`` (samples, 2), in place."""
    from scipy import fft

    answers = _answers()
    step = _BLOCK - impulse_response().shape[1] + 1
    for begin in range(0, len(bus), step):
        if (part := send[begin : begin + step]).any():
            heard = fft.irfft(fft.rfft(part, _BLOCK) * answers, _BLOCK)
            stop = min(begin + _BLOCK, len(bus))
            bus[begin:stop] += heard[:, : stop - begin].T


@cache
def _answers() -> NDArray[np.complex64]:
    """The spectra of the room's impulse responses, (2, frequencies), to multiply a block's with."""
    from scipy import fft

    return np.asarray(fft.rfft(impulse_response(), _BLOCK), np.complex64)


@cache
def impulse_response() -> NDArray[np.float32]:
    """The room: shape (2, samples), decaying noise, different left and right, each of unit energy."""
    from scipy.signal import butter, sosfilt

    length = round(DECAY_SECONDS * SAMPLE_RATE)
    noise = np.random.default_rng(_NOISE_SEED).standard_normal((2, length))
    noise *= np.exp(-6.91 * np.arange(length) / length)
    band = butter(2, (_LOW_HERTZ, _HIGH_HERTZ), "bandpass", fs=SAMPLE_RATE, output="sos")
    heard = sosfilt(band, noise)
    heard /= np.sqrt(np.square(heard).sum(axis=1, keepdims=True))
    return np.pad(heard, ((0, 0), (round(_PRE_DELAY_SECONDS * SAMPLE_RATE), 0))).astype(np.float32)
