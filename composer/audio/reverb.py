"""The room the band plays in: a synthetic reverberation, added to a mix from one mono send.

Knows sound only; deliberately does not know parts, levels or files.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from composer.audio.encode import SAMPLE_RATE, Audio
from composer.audio.filters import convolved

DECAY_SECONDS = 1.1
"""Time in which the room's sound falls by 60 dB."""
_PRE_DELAY_SECONDS = 0.012
_LOW_HERTZ, _HIGH_HERTZ = 180.0, 6500.0
_NOISE_SEED = 1
_BLOCK = 2**18
"""Samples of a block's transform: five times the room's answer."""


def add(bus: Audio, send: NDArray[np.float32]) -> None:
    """Add the room's answer to ``send`` (samples,) to ``bus`` (samples, 2), in place."""
    if send.any():
        for side, answer in zip(bus.T, convolved(send, _answers(), _BLOCK, impulse_response().shape[1]), strict=True):
            np.add(side, answer, out=side)


@cache
def _answers() -> NDArray[np.complex64]:
    """The spectra of the room's impulse responses, (2, frequencies), to multiply a block's with."""
    from scipy import fft

    return np.asarray(fft.rfft(impulse_response(), _BLOCK), np.complex64)


@cache
def impulse_response() -> NDArray[np.float32]:
    """The room: shape (2, samples), decaying noise, different left and right, each of unit energy."""
    from scipy import fft

    length = round(DECAY_SECONDS * SAMPLE_RATE)
    noise = np.random.default_rng(_NOISE_SEED).standard_normal((2, length))
    noise *= np.exp(-6.91 * np.arange(length) / length)
    heard = fft.irfft(fft.rfft(noise, 2 * length) * _band(2 * length), 2 * length)[:, :length]
    heard /= np.sqrt(np.square(heard).sum(axis=1, keepdims=True))
    return np.pad(heard, ((0, 0), (round(_PRE_DELAY_SECONDS * SAMPLE_RATE), 0))).astype(np.float32)


def _band(length: int) -> NDArray[np.complex128]:
    """Complex gain of a Butterworth band-pass of order two, at the frequencies of a transform of ``length``."""
    # The bilinear transform: a digital angle is the analogue frequency of its half's tangent.
    low, high = (np.tan(np.pi * hertz / SAMPLE_RATE) for hertz in (_LOW_HERTZ, _HIGH_HERTZ))
    place = 1j * np.tan(np.pi * np.arange(1, length // 2) / length)
    turned = (place * place + low * high) / (place * (high - low))
    # Nothing passes at frequency zero and at half the sample rate.
    return np.pad(1 / (turned * turned + np.sqrt(2) * turned + 1), 1)
