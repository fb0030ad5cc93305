"""Arithmetic that gives the same bits on every machine: numbers on dyadic grids, curves from tables.

A float32 sum of products is the same whatever order a BLAS adds it in, alone or in a batch, when every partial sum is a
whole multiple of one power of two and stays below 2²⁴ of it. Weights and activations are therefore rounded to grids
fine enough to cost nothing that can be heard, coarse enough to stay exact; a row's weights get the finest grid that
the row's own sum of magnitudes allows. Curves (sigmoid, tanh, gelu) are read from tables, since a library's last bit
differs between processors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EXACT_BITS = 24
"""Whole numbers up to 2²⁴ are exact in float32."""
ACTIVATION_BITS = 9
"""Activations are multiples of 2⁻⁹."""
ROW_BITS = 12
"""Summands that are only added, never multiplied, are multiples of 2⁻¹²."""
FINEST_WEIGHT_BITS = 16

_TABLE_REACH = 16
_TABLE_STEP_BITS = 9
_TABLE_HALF = _TABLE_REACH << _TABLE_STEP_BITS


def on_grid(values: NDArray[np.floating], bits: int) -> Floats:
    """``values`` rounded to multiples of 2^−bits, half to even."""
    scale = np.float32(2.0**bits)
    rounded: Floats = np.rint(values * scale) / scale
    return rounded


def exact_weights(weights: Floats, largest_activation: float = 1.0) -> Floats:
    """``weights`` (rows, columns), each row on the finest grid that keeps its products with activations exact.

    ``largest_activation`` bounds the activations, which lie on the grid of ``ACTIVATION_BITS``.
    """
    reach = np.abs(weights).sum(axis=1, dtype=np.float64) * largest_activation
    spare = EXACT_BITS - ACTIVATION_BITS - 1 - np.ceil(np.log2(np.maximum(reach, 1e-6)))
    scale = np.exp2(np.clip(spare, 0, FINEST_WEIGHT_BITS))[:, None]
    return np.asarray(np.rint(weights * scale) / scale, dtype=np.float32)


class Curve:
    """A function of one number as a table over [−16, 16), constant beyond; values on the activation grid or finer."""

    def __init__(self, function: Callable[[NDArray[np.float64]], NDArray[np.float64]], bits: int) -> None:
        points = np.arange(-_TABLE_HALF, _TABLE_HALF) / 2.0**_TABLE_STEP_BITS
        self._table = on_grid(function(points).astype(np.float32), bits)

    def __call__(self, values: Floats) -> Floats:
        """The table's value at each of ``values``, rounded to its step."""
        index = np.rint(values * np.float32(1 << _TABLE_STEP_BITS)).astype(np.int32)
        index += _TABLE_HALF
        found: Floats = self._table.take(index, mode="clip")
        return found


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function."""
    result: NDArray[np.float64] = 0.5 + 0.5 * np.tanh(0.5 * values)
    return result


def gelu(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian error linear unit, tanh form (Hendrycks & Gimpel 2016), as torch's ``approximate="tanh"``."""
    inner = np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)
    result: NDArray[np.float64] = 0.5 * values * (1 + np.tanh(inner))
    return result
