"""Reverberation: convolution of one mono send with a synthetic stereo room."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from composer.audio import filters
from composer.audio.signal import SAMPLE_RATE, Audio, Mono

DECAY_SECONDS = 1.1
"""Time in which the reverberation falls by 60 dB."""
_PRE_DELAY_SECONDS = 0.012
_LOW_HERTZ, _HIGH_HERTZ = 180.0, 6500.0
_QUALITY = 0.70710678
_NOISE_SEED = 1
_BLOCK = 2**18
"""Samples of a block's transform: five times the impulse response."""


def add_reverb(bus: Audio, send: Mono) -> None:
    """Add the reverberation of ``send`` (samples,) to ``bus`` (samples, 2), in place."""
    if send.any():
        wet = filters.convolve(send, _spectra(), _BLOCK, impulse_response().shape[1])  # (2, samples)
        for side, answer in zip(bus.T, wet, strict=True):
            np.add(side, answer, out=side)


@cache
def _spectra() -> NDArray[np.complex64]:
    """Return the spectra of the two impulse responses: (2, _BLOCK // 2 + 1)."""
    from scipy import fft

    return np.asarray(fft.rfft(impulse_response(), _BLOCK), np.complex64)


@cache
def impulse_response() -> NDArray[np.float32]:
    """Return the room's impulse responses: (2, samples), decorrelated decaying noise, each of unit energy."""
    from scipy import fft

    length = round(DECAY_SECONDS * SAMPLE_RATE)
    noise = np.random.default_rng(_NOISE_SEED).standard_normal((2, length))
    noise *= np.exp(-6.91 * np.arange(length) / length)
    band = (
        filters.high_pass(filters.angle(_LOW_HERTZ), _QUALITY),
        filters.low_pass(filters.angle(_HIGH_HERTZ), _QUALITY),
    )
    tail = fft.irfft(fft.rfft(noise, 2 * length) * filters.response(band, 2 * length), 2 * length)[:, :length]
    tail /= np.sqrt(np.square(tail).sum(axis=1, keepdims=True))
    return np.pad(tail, ((0, 0), (round(_PRE_DELAY_SECONDS * SAMPLE_RATE), 0))).astype(np.float32)
