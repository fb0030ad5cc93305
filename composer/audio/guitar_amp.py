"""A guitar amplifier: a soundfont's thin distorted guitar in, a loudspeaker's roar out.

Tight low end → waveshaper (oversampled, so that its overtones do not fold back) → cabinet.
All filters are applied in the frequency domain, where oversampling is only a longer inverse transform.
Knows sound; deliberately does not know notes, programs, levels or panning.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.audio.encode import SAMPLE_RATE
from composer.audio.filters import BLOCKS_AT_ONCE, overlapping

Mono = NDArray[np.float32]
"""One channel of sound, shape (samples,), at ``SAMPLE_RATE``."""

OVERSAMPLING = 2
"""The cabinet cuts at 5 kHz, so only overtones from 91 kHz up could fold into what is heard."""

_TIGHT_HERTZ = 80.0
_BITE_HERTZ, _BITE_DB = 800.0, 3.0
_CABINET_LOW_HERTZ, _CABINET_HIGH_HERTZ = 80.0, 5000.0
_THUMP_HERTZ, _THUMP_DB = 160.0, 5.0
_PRESENCE_HERTZ, _PRESENCE_DB = 2800.0, 4.0
_BIAS = 0.12
"""Off-centre drive: a little of the even overtones that valves add."""
_BLOCK, _BEFORE, _AFTER = 32_768, 3_840, 256
"""Samples of a block's transform, and how many of them at either end only let filters ring out (80 and 5 ms)."""


def amplify(guitar: Mono, drive: float) -> Mono:
    """``guitar`` played through the amplifier; ``drive`` ≥ 0 is how many times over its own level it is pushed.

    The same shape comes back, at a loudness of the amplifier's own. Silence stays silence.
    """
    level = _playing_level(guitar)
    if level <= 0:
        return np.zeros_like(guitar)
    blocks = overlapping(guitar, _BLOCK, _BEFORE, _AFTER)
    speaker = np.zeros((len(blocks), _BLOCK - _BEFORE - _AFTER), np.float32)
    playing = np.flatnonzero(blocks.any(axis=1))
    for begin in range(0, len(playing), BLOCKS_AT_ONCE):
        some = playing[begin : begin + BLOCKS_AT_ONCE]
        speaker[some] = _amplified(blocks[some], drive / level)
    return speaker.reshape(-1)[: len(guitar)]


def _amplified(blocks: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    """``blocks`` (n, _BLOCK) through valve and cabinet, without what only lets filters ring out."""
    from scipy import fft

    spectrum = fft.rfft(blocks)
    spectrum *= _input_tone() * np.float32(gain * OVERSAMPLING)
    overtones = fft.rfft(_valve(fft.irfft(spectrum, _BLOCK * OVERSAMPLING)))[:, : spectrum.shape[1]]
    np.multiply(overtones, _cabinet() / np.float32(OVERSAMPLING), out=spectrum)
    return np.asarray(fft.irfft(spectrum, _BLOCK)[:, _BEFORE : _BLOCK - _AFTER], np.float32)


def _valve(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Soft clipping, biased; its resting value is taken off so that silence stays at zero."""
    signal += np.float32(_BIAS)
    np.tanh(signal, out=signal)
    signal -= np.float32(np.tanh(_BIAS))
    return signal


def _playing_level(guitar: Mono) -> float:
    """Root mean square of the moments (of 0.1 s) when the guitar plays: rests do not make it louder."""
    hop = SAMPLE_RATE // 10
    moments = guitar[: len(guitar) // hop * hop].reshape(-1, hop)
    power = np.einsum("hn,hn->h", moments, moments).astype(np.float64) / hop
    playing = power[power > 0.01 * power.max(initial=0.0)]
    return float(np.sqrt(playing.mean())) if len(playing) else 0.0


@cache
def _input_tone() -> NDArray[np.complex64]:
    """The pick-up's way to the valve: low end off (it would only blur), middle up."""
    return _response([_high_pass(_TIGHT_HERTZ), _peak(_BITE_HERTZ, _BITE_DB, 0.7)])


@cache
def _cabinet() -> NDArray[np.complex64]:
    """A closed 4×12" box, close microphone: band-pass 80 Hz – 5 kHz with its thump and its presence."""
    steep = [_low_pass(_CABINET_HIGH_HERTZ, quality) for quality in (0.54, 1.31)]
    tone = [_peak(_THUMP_HERTZ, _THUMP_DB, 1.2), _peak(_PRESENCE_HERTZ, _PRESENCE_DB, 1.0)]
    return _response([_high_pass(_CABINET_LOW_HERTZ), *steep, *tone])


Section = tuple[tuple[float, float, float], tuple[float, float, float]]
"""An analogue second-order section: numerator and denominator in powers of s, highest first, s in units of 2π Hz."""


def _high_pass(hertz: float, quality: float = 0.707) -> Section:
    return (1.0, 0.0, 0.0), (1.0, hertz / quality, hertz**2)


def _low_pass(hertz: float, quality: float) -> Section:
    return (0.0, 0.0, hertz**2), (1.0, hertz / quality, hertz**2)


def _peak(hertz: float, decibel: float, quality: float) -> Section:
    gain = 10 ** (decibel / 40)
    return (1.0, hertz * gain / quality, hertz**2), (1.0, hertz / gain / quality, hertz**2)


def _response(sections: list[Section]) -> NDArray[np.complex64]:
    """Complex gain of the sections in a row at each frequency of a block's spectrum."""
    s = 1j * np.fft.rfftfreq(_BLOCK, 1 / SAMPLE_RATE)
    gain: NDArray[Any] = np.ones_like(s)
    for numerator, denominator in sections:
        gain = gain * np.polyval(numerator, s) / np.polyval(denominator, s)
    return np.asarray(gain, np.complex64)
