"""Biquad filters after R. Bristow-Johnson's Audio EQ Cookbook, and the ways to apply them.

Constant filters run block by block in the frequency domain, filters with moving coefficients sample by sample.
``scipy.signal`` is not used: importing it costs a new process 0.5 s and 75 MB.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.audio.signal import SAMPLE_RATE, Mono

Section = tuple[float, float, float, float, float, float]
"""A second-order section b₀ b₁ b₂ a₀ a₁ a₂ in powers of z⁻¹, a₀ = 1. `low_pass` also takes arrays of angles."""

BLOCKS_AT_ONCE = 4
"""Blocks transformed in one call: four fill a vector register; more only take more memory."""
_BLOCK, _OVERLAP = 65_536, 8_192
"""Samples of a block's transform, and of the overlap in which filters ring out: −120 dB at 15 Hz, 48 kHz."""


def angle(hertz: float, sample_rate: int = SAMPLE_RATE) -> float:
    """Return a frequency in radians a sample."""
    return 2 * np.pi * hertz / sample_rate


def low_pass(w: Any, quality: float) -> Section:
    """Return a low-pass at ``w`` radians a sample. An array of angles gives arrays of coefficients."""
    alpha, cosine = np.sin(w) / (2 * quality), np.cos(w)
    return _normalized((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2, 1 + alpha, -2 * cosine, 1 - alpha)


def high_pass(w: float, quality: float) -> Section:
    """Return a high-pass at ``w`` radians a sample."""
    alpha, cosine = np.sin(w) / (2 * quality), np.cos(w)
    return _normalized((1 + cosine) / 2, -1 - cosine, (1 + cosine) / 2, 1 + alpha, -2 * cosine, 1 - alpha)


def peak(w: float, decibel: float, quality: float) -> Section:
    """Return a bell of ``decibel`` dB at ``w`` radians a sample."""
    gain = 10 ** (decibel / 40)
    alpha, cosine = np.sin(w) / (2 * quality), np.cos(w)
    return _normalized(1 + alpha * gain, -2 * cosine, 1 - alpha * gain, 1 + alpha / gain, -2 * cosine, 1 - alpha / gain)


def low_shelf(w: float, decibel: float, quality: float = np.sqrt(0.5)) -> Section:
    """Return a shelf of ``decibel`` dB below ``w`` radians a sample."""
    return _shelf(w, decibel, quality, -1)


def high_shelf(w: float, decibel: float, quality: float = np.sqrt(0.5)) -> Section:
    """Return a shelf of ``decibel`` dB above ``w`` radians a sample."""
    return _shelf(w, decibel, quality, 1)


def dc_blocker(w: float) -> Section:
    """Return a first-order high-pass at ``w`` radians a sample."""
    return 1.0, -1.0, 0.0, 1.0, w - 1, 0.0


def _shelf(w: float, decibel: float, quality: float, sign: int) -> Section:
    gain = 10 ** (decibel / 40)
    cosine, bow = sign * np.cos(w), np.sqrt(gain) * np.sin(w) / quality
    more, less = gain + 1, gain - 1
    return _normalized(
        gain * (more + less * cosine + bow),
        gain * -2 * sign * (less + more * cosine),
        gain * (more + less * cosine - bow),
        more - less * cosine + bow,
        2 * sign * (less - more * cosine),
        more - less * cosine - bow,
    )


def _normalized(b0: Any, b1: Any, b2: Any, a0: Any, a1: Any, a2: Any) -> Section:
    """Return the section divided by a₀; floats stay hashable, arrays stay arrays."""
    scaled = (b0 / a0, b1 / a0, b2 / a0, 1.0, a1 / a0, a2 / a0)
    if isinstance(a0, np.ndarray):
        return scaled
    b0, b1, b2, a0, a1, a2 = (float(value) for value in scaled)
    return b0, b1, b2, a0, a1, a2


@lru_cache(maxsize=32)
def response(sections: tuple[Section, ...], length: int) -> NDArray[np.complex64]:
    """Return the complex gain of ``sections`` in series: (length // 2 + 1,), one value an rfft frequency."""
    delay = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    gain: NDArray[np.complex128] = np.ones_like(delay)
    for b0, b1, b2, a0, a1, a2 in sections:
        gain *= (b0 + delay * (b1 + delay * b2)) / (a0 + delay * (a1 + delay * a2))
    return np.asarray(gain, np.complex64)


def apply_sections(sections: tuple[Section, ...], channel: Mono) -> Mono:
    """Return ``channel`` (samples,) filtered by ``sections``. Silent blocks are skipped."""
    filtered: Mono = convolve(channel, response(sections, _BLOCK)[None], _BLOCK, _OVERLAP)[0]
    return filtered


def convolve(channel: Mono, gains: NDArray[np.complex64], block: int, overlap: int) -> NDArray[np.float32]:
    """Return ``channel`` (samples,) filtered by each of ``gains`` (N, block // 2 + 1): (N, samples).

    Overlap-save: an impulse response longer than ``overlap`` samples is truncated.
    """
    from scipy import fft

    blocks = overlapping_blocks(channel, block, overlap)
    results = np.zeros((len(gains), len(blocks), block - overlap), np.float32)
    sounding = np.flatnonzero(blocks.any(axis=1))
    for begin in range(0, len(sounding), BLOCKS_AT_ONCE):
        some = sounding[begin : begin + BLOCKS_AT_ONCE]
        spectrum = fft.rfft(blocks[some])
        for result, gain in zip(results, gains, strict=True):
            result[some] = fft.irfft(spectrum * gain, block)[:, overlap:]
    filtered: NDArray[np.float32] = results.reshape(len(gains), -1)[:, : len(channel)]
    return filtered


def overlapping_blocks(channel: Mono, block: int, before: int, after: int = 0) -> NDArray[np.float32]:
    """Return ``channel`` (samples,) as a read-only view (N, block).

    Neighbouring blocks share ``before`` + ``after`` samples; block i starts ``before`` samples early.
    """
    step = block - before - after
    count = -(-len(channel) // step)
    padded = np.zeros(max(block + (count - 1) * step, block), np.float32)
    padded[before : before + len(channel)] = channel
    return np.lib.stride_tricks.sliding_window_view(padded, block)[::step][:count]


def recursive_filter(signal: NDArray[np.floating], *coefficients: NDArray[np.floating]) -> Mono:
    """Return y[n] = signal[n] − c₁[n − 1] y[n − 1] − c₂[n − 2] y[n − 2] …: (samples,).

    Coefficients, (samples,) each, may change at every sample, as in the transposed direct form II. The recursion is a
    banded triangular system that BLAS solves without a Python loop.
    """
    from scipy.linalg.blas import stbsv

    band = np.zeros((len(coefficients) + 1, len(signal)), np.float32, order="F")
    for below, column in enumerate(coefficients, start=1):
        band[below] = column
    solved: Mono = stbsv(len(coefficients), band, signal.astype(np.float32), lower=1, diag=1)
    return solved
