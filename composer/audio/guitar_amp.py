"""Guitar amplifier: pick-up filter, oversampled waveshaper, loudspeaker cabinet.

All stages run block by block in the frequency domain, where oversampling is a longer inverse transform.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from composer.audio import filters
from composer.audio.signal import SAMPLE_RATE, Mono

OVERSAMPLING = 2
"""The cabinet cuts at 5 kHz, so only overtones above 91 kHz could alias into the audible band."""

_TIGHT_HERTZ = 80.0
_BITE_HERTZ, _BITE_DB = 800.0, 3.0
_CABINET_LOW_HERTZ, _CABINET_HIGH_HERTZ = 80.0, 5000.0
_THUMP_HERTZ, _THUMP_DB = 160.0, 5.0
_PRESENCE_HERTZ, _PRESENCE_DB = 2800.0, 4.0
_BUTTERWORTH = 0.707
_BIAS = 0.12
"""Off-centre drive, which adds some of the even overtones of a valve."""
_BLOCK, _BEFORE, _AFTER = 32_768, 3_840, 256
"""Samples of a block's transform, and of the margins at both ends in which filters ring out (80 and 5 ms)."""


def amplify(guitar: Mono, drive: float) -> Mono:
    """Return ``guitar`` (samples,) through the amplifier: (samples,), at the amplifier's own loudness.

    ``drive`` ≥ 0: gain before the waveshaper, relative to the guitar's own playing level. Silence stays silence.
    """
    level = _playing_level(guitar)
    if level <= 0:
        return np.zeros_like(guitar)
    blocks = filters.overlapping_blocks(guitar, _BLOCK, _BEFORE, _AFTER)
    speaker = np.zeros((len(blocks), _BLOCK - _BEFORE - _AFTER), np.float32)
    playing = np.flatnonzero(blocks.any(axis=1))
    for begin in range(0, len(playing), filters.BLOCKS_AT_ONCE):
        some = playing[begin : begin + filters.BLOCKS_AT_ONCE]
        speaker[some] = _amplify_blocks(blocks[some], drive / level)
    return speaker.reshape(-1)[: len(guitar)]


def _amplify_blocks(blocks: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    """Return ``blocks`` (N, _BLOCK) through all stages, without their margins."""
    from scipy import fft

    spectrum = fft.rfft(blocks)
    spectrum *= _pickup() * np.float32(gain * OVERSAMPLING)
    overtones = fft.rfft(_waveshape(fft.irfft(spectrum, _BLOCK * OVERSAMPLING)))[:, : spectrum.shape[1]]
    np.multiply(overtones, _cabinet() / np.float32(OVERSAMPLING), out=spectrum)
    return np.asarray(fft.irfft(spectrum, _BLOCK)[:, _BEFORE : _BLOCK - _AFTER], np.float32)


def _waveshape(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply a biased tanh in place; its value at rest is subtracted so that silence stays at zero."""
    signal += np.float32(_BIAS)
    np.tanh(signal, out=signal)
    signal -= np.float32(np.tanh(_BIAS))
    return signal


def _playing_level(guitar: Mono) -> float:
    """Return the root mean square of the 0.1 s frames of ``guitar`` that sound; rests do not count."""
    hop = SAMPLE_RATE // 10
    frames = guitar[: len(guitar) // hop * hop].reshape(-1, hop)
    power = np.einsum("hn,hn->h", frames, frames).astype(np.float64) / hop
    playing = power[power > 0.01 * power.max(initial=0.0)]
    return float(np.sqrt(playing.mean())) if len(playing) else 0.0


@cache
def _pickup() -> NDArray[np.complex64]:
    """Return the gain before the waveshaper: low end off, since it only blurs the distortion; middle up."""
    tight = filters.high_pass(filters.angle(_TIGHT_HERTZ), _BUTTERWORTH)
    return filters.response((tight, filters.peak(filters.angle(_BITE_HERTZ), _BITE_DB, 0.7)), _BLOCK)


@cache
def _cabinet() -> NDArray[np.complex64]:
    """Return the gain of a closed 4×12" cabinet, close microphone: 80 Hz – 5 kHz with bumps at 160 Hz and 2.8 kHz."""
    sections = (
        filters.high_pass(filters.angle(_CABINET_LOW_HERTZ), _BUTTERWORTH),
        *(filters.low_pass(filters.angle(_CABINET_HIGH_HERTZ), quality) for quality in (0.54, 1.31)),
        filters.peak(filters.angle(_THUMP_HERTZ), _THUMP_DB, 1.2),
        filters.peak(filters.angle(_PRESENCE_HERTZ), _PRESENCE_DB, 1.0),
    )
    return filters.response(sections, _BLOCK)
