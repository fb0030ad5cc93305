"""What happens to sound on its way through a mixing desk: tone, soft clipping, bus compression, fades.

Knows stereo sound only; deliberately does not know parts, roles, loudness targets or files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.audio import filters
from composer.audio.encode import SAMPLE_RATE, Audio
from composer.audio.filters import Section

_SHELF_LOW_HERTZ, _SHELF_HIGH_HERTZ = 150.0, 5000.0
_LOWEST_HERTZ, _HIGHEST_HERTZ = 15.0, 16_500.0
_BUTTERWORTH = (0.51763809, 0.70710678, 1.93185165)
"""Qualities of the three sections of a Butterworth low-pass of order six."""
_CLIP_BLOCK = 8192
_GLUE_FRAME = 480
_GLUE_RATIO = 1.7
_GLUE_SECONDS = 0.08


def shelved(sound: Audio, low_db: float, high_db: float) -> Audio:
    """``sound`` (changed in place) with what is under 150 Hz ``low_db`` louder and what is over 5 kHz ``high_db``."""
    if not low_db and not high_db:
        return sound
    low, high = (2 * np.pi * hertz / SAMPLE_RATE for hertz in (_SHELF_LOW_HERTZ, _SHELF_HIGH_HERTZ))
    return _through((filters.shelf(low, low_db, -1), filters.shelf(high, high_db, 1)), sound)


def _through(sections: tuple[Section, ...], sound: Audio) -> Audio:
    """``sound``, in place, through second-order sections, one channel at a time."""
    for channel in sound.T:
        channel[:] = filters.through(sections, channel)
    return sound


def soft_clip(sound: Audio, ceiling: float) -> Audio:
    """``sound`` with what is over 70 % of ``ceiling`` bent so that it stays under it.

    A peak that is bent in its own stem need not push the whole band down in the master.
    """
    knee = np.float32(0.7 * ceiling)
    for channel in sound.T:
        for begin in range(0, len(channel), _CLIP_BLOCK):
            # Most stretches have no such peak, and need no more than a look.
            part = channel[begin : begin + _CLIP_BLOCK]
            if max(part.max(), -part.min()) > knee:
                _bend(part, knee, np.float32(ceiling) - knee)
    return sound


def _bend(part: NDArray[np.float32], knee: np.float32, room_above: np.float32) -> None:
    size = np.abs(part)
    over = size > knee
    bent = knee + room_above * np.tanh((size[over] - knee) / room_above)
    part[over] = np.copysign(bent, part[over])


def band_limited(audio: Audio) -> Audio:
    """``audio`` (changed in place) between 15 Hz and 16.5 kHz: no constant parts, nothing that encoders cut anyhow.

    They overshoot most where a limited peak is made of frequencies that they throw away.
    """
    lowest = (1.0, -1.0, 0.0, 1.0, 2 * np.pi * _LOWEST_HERTZ / SAMPLE_RATE - 1, 0.0)
    angle = 2 * np.pi * _HIGHEST_HERTZ / SAMPLE_RATE
    return _through((lowest, *(filters.low_pass(angle, quality) for quality in _BUTTERWORTH)), audio)


def glue(audio: Audio) -> Audio:
    """``audio`` (changed in place) through a slow, gentle bus compressor.

    What is over the song's own mean level comes down a little.
    """
    frames = len(audio) // _GLUE_FRAME
    channels = audio[: frames * _GLUE_FRAME].T.reshape(2, frames, _GLUE_FRAME)
    power = np.einsum("chn,chn->h", channels, channels).astype(np.float64) / (2 * _GLUE_FRAME)
    if not power.any():
        return audio
    keep = np.exp(-_GLUE_FRAME / SAMPLE_RATE / _GLUE_SECONDS)
    slow = filters.feed_back(power * (1 - keep), np.full(frames, -keep))
    over = np.maximum(10 * np.log10(np.maximum(slow, 1e-12) / power[power > 0.01 * power.max()].mean()), 0.0)
    corners = 10 ** (-over * (1 - 1 / _GLUE_RATIO) / 20)
    # A frame's gain is its middle's: the first and the last reach half a frame beyond the sound.
    gains = ramps(np.concatenate((corners[:1], corners, corners[-1:], corners[-1:])), _GLUE_FRAME)
    audio *= gains[_GLUE_FRAME // 2 : _GLUE_FRAME // 2 + len(audio), None]
    return audio


def ramps(corners: NDArray[np.floating], step: int) -> NDArray[np.float32]:
    """Straight lines from each of ``corners`` to the next, ``step`` samples each: (corners − 1) · step samples."""
    from_here = corners[:-1].astype(np.float32)[:, None]
    rise = np.diff(corners).astype(np.float32)[:, None]
    return (from_here + rise * (np.arange(step, dtype=np.float32) / np.float32(step))).reshape(-1)


def fade_out(audio: Audio, seconds: float) -> Audio:
    """``audio`` with a raised-cosine fade to zero over its last ``seconds``."""
    length = min(round(seconds * SAMPLE_RATE), len(audio))
    ramp: NDArray[np.float32] = (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, length))).astype(np.float32)
    faded = audio.copy()
    faded[len(audio) - length :] *= ramp[:, None]
    return faded
