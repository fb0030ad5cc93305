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


def add(bus: Audio, send: NDArray[np.float32]) -> None:
    """Add the room's answer to ``send`` (samples,) to ``bus`` (samples, 2), in place."""
    from scipy.signal import oaconvolve

    if not send.any():
        return
    for channel, response in enumerate(impulse_response()):
        bus[:, channel] += oaconvolve(send, response)[: len(bus)]


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
