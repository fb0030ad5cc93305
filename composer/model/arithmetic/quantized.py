"""Int8 weights for uint8 activations, such that sums of products are exact in float32 in any order of addition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import EXACT_BITS, Floats

Bytes = NDArray[np.uint8]

ZERO_POINT = 128
"""The uint8 value of an activation of 0."""
QMAX = 127
"""Quantization steps of an activation of 1."""
SMALLEST_STEP = 1e-12
"""Quantization step of a row of zeros."""


@dataclass(frozen=True, slots=True, eq=False)
class Int8Weights:
    """``values`` (in, out); ``scale`` (out,): factor on the integer sums."""

    values: NDArray[np.int8]
    scale: Floats


def quantize(weights: Floats, scale: float | NDArray[np.float64] = 1.0) -> Int8Weights:
    """``weights`` (out, in) with one quantization step a row, for activations in [−1, 1].

    ``scale``: a power of two, one for all or (out,).
    """
    step = _row_steps(weights)
    values = np.ascontiguousarray(np.rint(weights / step[:, None]).astype(np.int8).T)
    return Int8Weights(values, np.asarray(scale, np.float32) * (step / np.float32(QMAX)))


def _row_steps(weights: Floats) -> Floats:
    """(out,) quantization step of each row, large enough for its sums, rounding included, to be exact in float32."""
    room = 2.0**EXACT_BITS - ZERO_POINT * weights.shape[1]
    sizes = np.abs(weights)
    step = np.maximum(sizes.max(axis=1) / QMAX, ZERO_POINT * sizes.sum(axis=1, dtype=np.float64) / room)
    return np.asarray(np.maximum(step, SMALLEST_STEP), dtype=np.float32)
