"""Filters of sound: constant ones through the frequency domain, block by block; moving ones sample by sample.

Deliberately without ``scipy.signal``: importing it costs a new process half a second and 75 MB.
Knows filters and samples; deliberately does not know what a filter is for.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Section = tuple[float, float, float, float, float, float]
"""A second-order section b₀ b₁ b₂ a₀ a₁ a₂ in powers of z⁻¹, a₀ = 1."""

BLOCKS_AT_ONCE = 4
"""Blocks transformed together: so many fit a vector register, and a processor's cache. More only take more memory."""
_BLOCK, _BEFORE = 65_536, 8_192
"""Samples of a block's transform, and how many of them only let the filter ring out: 120 dB at 15 Hz, 48 kHz."""


def low_pass(angle: float, quality: float) -> Section:
    """A low-pass at ``angle`` radians a sample, after R. Bristow-Johnson's Audio EQ Cookbook."""
    alpha, cosine = np.sin(angle) / (2 * quality), np.cos(angle)
    return _scaled((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2, 1 + alpha, -2 * cosine, 1 - alpha)


def shelf(angle: float, decibel: float, sign: int) -> Section:
    """A shelf of slope 1 over (``sign`` 1) or under (−1) ``angle`` radians a sample, after the same cookbook."""
    gain = 10 ** (decibel / 40)
    cosine, bow = sign * np.cos(angle), np.sqrt(2 * gain) * np.sin(angle)
    more, less = gain + 1, gain - 1
    return _scaled(
        gain * (more + less * cosine + bow),
        gain * -2 * sign * (less + more * cosine),
        gain * (more + less * cosine - bow),
        more - less * cosine + bow,
        2 * sign * (less - more * cosine),
        more - less * cosine - bow,
    )


def _scaled(b0: float, b1: float, b2: float, a0: float, a1: float, a2: float) -> Section:
    return float(b0 / a0), float(b1 / a0), float(b2 / a0), 1.0, float(a1 / a0), float(a2 / a0)


@lru_cache(maxsize=16)
def response(sections: tuple[Section, ...], length: int) -> NDArray[np.complex64]:
    """Complex gain of ``sections`` in a row at the frequencies of a transform of ``length`` samples."""
    delay = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    gain: NDArray[np.complex128] = np.ones_like(delay)
    for b0, b1, b2, a0, a1, a2 in sections:
        gain *= (b0 + delay * (b1 + delay * b2)) / (a0 + delay * (a1 + delay * a2))
    return np.asarray(gain, np.complex64)


def through(sections: tuple[Section, ...], channel: Samples) -> Samples:
    """One ``channel`` (samples,) after ``sections``; its silent stretches cost nothing."""
    filtered: Samples = convolved(channel, response(sections, _BLOCK)[None], _BLOCK, _BEFORE)[0]
    return filtered


def convolved(channel: Samples, gains: NDArray[np.complex64], block: int, before: int) -> Samples:
    """One ``channel`` through each of ``gains`` (n, frequencies of a transform of ``block``): shape (n, samples).

    None of them rings on for more than ``before`` samples.
    """
    from scipy import fft

    blocks = overlapping(channel, block, before)
    results = np.zeros((len(gains), len(blocks), block - before), np.float32)
    sounding = np.flatnonzero(blocks.any(axis=1))
    for begin in range(0, len(sounding), BLOCKS_AT_ONCE):
        some = sounding[begin : begin + BLOCKS_AT_ONCE]
        spectrum = fft.rfft(blocks[some])
        for result, gain in zip(results, gains, strict=True):
            result[some] = fft.irfft(spectrum * gain, block)[:, before:]
    answers: Samples = results.reshape(len(gains), -1)[:, : len(channel)]
    return answers


def overlapping(channel: Samples, block: int, before: int, after: int = 0) -> NDArray[np.float32]:
    """``channel`` in blocks (n, block) that share ``before`` and ``after`` samples with their neighbours; read only."""
    step = block - before - after
    count = -(-len(channel) // step)
    padded = np.zeros(max(block + (count - 1) * step, block), np.float32)
    padded[before : before + len(channel)] = channel
    return np.lib.stride_tricks.sliding_window_view(padded, block)[::step][:count]


def feed_back(signal: NDArray[np.floating], *coefficients: NDArray[np.floating]) -> Samples:
    """y[n] = signal[n] − c₁[n − 1] y[n − 1] − c₂[n − 2] y[n − 2] …: every sample hands itself on with its own.

    Coefficients may change at any sample, as in a filter of the transposed second form. It is the solution of a banded
    triangular system, which BLAS works out without a loop in Python.
    """
    from scipy.linalg.blas import stbsv

    band = np.zeros((len(coefficients) + 1, len(signal)), np.float32, order="F")
    for below, column in enumerate(coefficients, start=1):
        band[below] = column
    solved: Samples = stbsv(len(coefficients), band, signal.astype(np.float32), lower=1, diag=1)
    return solved
