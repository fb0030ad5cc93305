"""Effects on stereo sound: equalizer, width, soft clipping, bus compression, fades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.audio import filters
from composer.audio.filters import Section
from composer.audio.signal import SAMPLE_RATE, Audio

_SHELF_LOW_HERTZ, _SHELF_HIGH_HERTZ = 150.0, 5000.0
_PRESENCE_HERTZ, _PRESENCE_QUALITY, _AIR_HERTZ = 2000.0, 0.6, 6000.0
_LOWEST_HERTZ, _HIGHEST_HERTZ = 15.0, 16_500.0
_BUTTERWORTH = (0.51763809, 0.70710678, 1.93185165)
"""Qualities of the three sections of a Butterworth low-pass of order six."""
_CLIP_BLOCK = 8192
_COMPRESSOR_FRAME = 480
_COMPRESSOR_RATIO = 1.7
_COMPRESSOR_SECONDS = 0.08


def apply_shelves(sound: Audio, low_db: float, high_db: float) -> Audio:
    """Apply shelves of ``low_db`` below 150 Hz and ``high_db`` above 5 kHz to ``sound`` (samples, 2), in place."""
    if not low_db and not high_db:
        return sound
    low = filters.low_shelf(filters.angle(_SHELF_LOW_HERTZ), low_db)
    high = filters.high_shelf(filters.angle(_SHELF_HIGH_HERTZ), high_db)
    return _apply_sections((low, high), sound)


def _apply_sections(sections: tuple[Section, ...], sound: Audio) -> Audio:
    for channel in sound.T:
        channel[:] = filters.apply_sections(sections, channel)
    return sound


def soft_clip(sound: Audio, gain: float, ceiling: float) -> Audio:
    """Amplify ``sound`` (samples, 2) by ``gain`` and bend its peaks below ``ceiling`` (amplitude), in place.

    What is above 70 % of it is bent. A peak bent in its stem does not make the limiter turn the whole band down.
    """
    knee = np.float32(0.7 * ceiling)
    for channel in sound.T:
        for begin in range(0, len(channel), _CLIP_BLOCK):
            # Most blocks have no such peak and are only scanned.
            block = channel[begin : begin + _CLIP_BLOCK]
            block *= np.float32(gain)
            if max(block.max(), -block.min()) > knee:
                _bend(block, knee, np.float32(ceiling) - knee)
    return sound


def _bend(block: NDArray[np.float32], knee: np.float32, headroom: np.float32) -> None:
    size = np.abs(block)
    over = size > knee
    bent = knee + headroom * np.tanh((size[over] - knee) / headroom)
    block[over] = np.copysign(bent, block[over])


def equalize(audio: Audio, low_db: float = 0.0, presence_db: float = 0.0, air_db: float = 0.0) -> Audio:
    """Limit ``audio`` (samples, 2) to 15 Hz – 16.5 kHz and shape its tone, in place.

    Gains below 150 Hz, around 2 kHz and above 6 kHz. Lossy encoders drop what is above 16.5 kHz; a limited peak that
    contains it overshoots most after decoding.
    """
    tone = (
        filters.low_shelf(filters.angle(_SHELF_LOW_HERTZ), low_db),
        filters.peak(filters.angle(_PRESENCE_HERTZ), presence_db, _PRESENCE_QUALITY),
        filters.high_shelf(filters.angle(_AIR_HERTZ), air_db),
    )
    low_passes = (filters.low_pass(filters.angle(_HIGHEST_HERTZ), quality) for quality in _BUTTERWORTH)
    return _apply_sections((filters.dc_blocker(filters.angle(_LOWEST_HERTZ)), *tone, *low_passes), audio)


def scale_width(audio: Audio, factor: float) -> Audio:
    """Multiply the side signal of ``audio`` (samples, 2) by ``factor``, in place."""
    if factor != 1:
        side = (audio[:, 0] - audio[:, 1]) * np.float32(0.5 * (factor - 1))
        audio[:, 0] += side
        audio[:, 1] -= side
    return audio


def compress_bus(audio: Audio) -> Audio:
    """Compress ``audio`` (samples, 2) 1.7 : 1 above its own mean level, with a time constant of 80 ms, in place."""
    frames = len(audio) // _COMPRESSOR_FRAME
    channels = audio[: frames * _COMPRESSOR_FRAME].T.reshape(2, frames, _COMPRESSOR_FRAME)
    power = np.einsum("chn,chn->h", channels, channels).astype(np.float64) / (2 * _COMPRESSOR_FRAME)
    if not power.any():
        return audio
    keep = np.exp(-_COMPRESSOR_FRAME / SAMPLE_RATE / _COMPRESSOR_SECONDS)
    smoothed = filters.recursive_filter(power * (1 - keep), np.full(frames, -keep))
    mean = power[power > 0.01 * power.max()].mean()
    over_db = np.maximum(10 * np.log10(np.maximum(smoothed, 1e-12) / mean), 0.0)
    gains = 10 ** (-over_db * (1 - 1 / _COMPRESSOR_RATIO) / 20)
    # A frame's gain holds at its middle: the first and the last gain reach half a frame beyond the sound.
    ramps = linear_ramps(np.concatenate((gains[:1], gains, gains[-1:], gains[-1:])), _COMPRESSOR_FRAME)
    audio *= ramps[_COMPRESSOR_FRAME // 2 : _COMPRESSOR_FRAME // 2 + len(audio), None]
    return audio


def linear_ramps(corners: NDArray[np.floating], step: int) -> NDArray[np.float32]:
    """Return straight lines between neighbouring ``corners`` (N,), ``step`` samples each: ((N − 1) · step,)."""
    start = corners[:-1].astype(np.float32)[:, None]
    rise = np.diff(corners).astype(np.float32)[:, None]
    return (start + rise * (np.arange(step, dtype=np.float32) / np.float32(step))).reshape(-1)


def fade_out(audio: Audio, seconds: float) -> Audio:
    """Return ``audio`` (samples, 2) with a raised-cosine fade to zero over its last ``seconds``."""
    length = min(round(seconds * SAMPLE_RATE), len(audio))
    ramp: NDArray[np.float32] = (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, length))).astype(np.float32)
    faded = audio.copy()
    faded[len(audio) - length :] *= ramp[:, None]
    return faded
