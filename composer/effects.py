"""What happens to sound on its way through a mixing desk: tone, soft clipping, bus compression, fades.

Knows stereo sound only; deliberately does not know parts, roles, loudness targets or files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.audio_files import SAMPLE_RATE, Audio

_SHELF_LOW_HERTZ, _SHELF_HIGH_HERTZ = 150.0, 5000.0
_LOWEST_HERTZ, _HIGHEST_HERTZ = 15.0, 16_500.0
_GLUE_FRAME = 480
_GLUE_RATIO = 1.7
_GLUE_SECONDS = 0.08


def shelved(sound: Audio, low_db: float, high_db: float) -> Audio:
    """``sound`` with what is under 150 Hz ``low_db`` louder and what is over 5 kHz ``high_db``."""
    from scipy.signal import sosfilt

    if not low_db and not high_db:
        return sound
    sections = np.array([_shelf(_SHELF_LOW_HERTZ, low_db, -1), _shelf(_SHELF_HIGH_HERTZ, high_db, 1)], np.float32)
    return np.asarray(sosfilt(sections, sound.T).T, np.float32)


def _shelf(hertz: float, decibel: float, sign: int) -> list[float]:
    """A shelf of slope 1 over (``sign`` 1) or under (−1) ``hertz``, after R. Bristow-Johnson's Audio EQ Cookbook."""
    gain, angle = 10 ** (decibel / 40), 2 * np.pi * hertz / SAMPLE_RATE
    cosine, bow = sign * np.cos(angle), np.sqrt(2 * gain) * np.sin(angle)
    more, less = gain + 1, gain - 1
    numerator = [more + less * cosine + bow, -2 * sign * (less + more * cosine), more + less * cosine - bow]
    denominator = [more - less * cosine + bow, 2 * sign * (less - more * cosine), more - less * cosine - bow]
    return [gain * value / denominator[0] for value in numerator] + [value / denominator[0] for value in denominator]


def soft_clip(sound: Audio, ceiling: float) -> Audio:
    """``sound`` with what is over 70 % of ``ceiling`` bent so that it stays under it.

    A peak that is bent in its own stem need not push the whole band down in the master.
    """
    knee = np.float32(0.7 * ceiling)
    if max(sound.max(initial=0), -sound.min(initial=0)) <= knee:
        return sound
    room_above = np.float32(ceiling) - knee
    size = np.abs(sound)
    over = size > knee
    bent = knee + room_above * np.tanh((size[over] - knee) / room_above)
    sound[over] = np.copysign(bent, sound[over])
    return sound


def band_limited(audio: Audio) -> Audio:
    """``audio`` between 15 Hz and 16.5 kHz: without constant parts, and without what lossy encoders would cut anyhow.

    They overshoot most where a limited peak is made of frequencies that they throw away.
    """
    from scipy.signal import butter, sosfilt

    lowest = [[1, -1, 0, 1, 2 * np.pi * _LOWEST_HERTZ / SAMPLE_RATE - 1, 0]]
    sections = np.concatenate((lowest, butter(6, _HIGHEST_HERTZ, fs=SAMPLE_RATE, output="sos")))
    return np.asarray(sosfilt(sections.astype(np.float32), audio.T).T, np.float32)


def glue(audio: Audio) -> Audio:
    """``audio`` through a slow, gentle bus compressor: what is over the song's own mean level comes down a little."""
    from scipy.signal import lfilter

    frames = len(audio) // _GLUE_FRAME
    channels = audio[: frames * _GLUE_FRAME].T.reshape(2, frames, _GLUE_FRAME)
    power = np.einsum("chn,chn->h", channels, channels).astype(np.float64) / (2 * _GLUE_FRAME)
    if not power.any():
        return audio
    keep = np.exp(-_GLUE_FRAME / SAMPLE_RATE / _GLUE_SECONDS)
    slow = lfilter([1 - keep], [1, -keep], power)
    over = np.maximum(10 * np.log10(np.maximum(slow, 1e-12) / power[power > 0.01 * power.max()].mean()), 0.0)
    corners = 10 ** (-over * (1 - 1 / _GLUE_RATIO) / 20)
    steps = np.arange(len(audio), dtype=np.float32) / _GLUE_FRAME
    gains = np.interp(steps, np.arange(frames) + 0.5, corners).astype(np.float32)
    return np.asarray(audio * gains[:, None], np.float32)


def fade_out(audio: Audio, seconds: float) -> Audio:
    """``audio`` with a raised-cosine fade to zero over its last ``seconds``."""
    length = min(round(seconds * SAMPLE_RATE), len(audio))
    ramp: NDArray[np.float32] = (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, length))).astype(np.float32)
    return np.concatenate((audio[: len(audio) - length], audio[len(audio) - length :] * ramp[:, None]))
