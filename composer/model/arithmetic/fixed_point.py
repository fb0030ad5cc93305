"""Fixed-point rounding and table lookup: arithmetic with the same bits on every machine and in every batch.

A sum of products does not depend on the order in which a BLAS adds it if every partial sum is a multiple of one power
of two and stays below 2⁵³ of it in float64, 2²⁴ in float32. Values that are added or multiplied are therefore rounded
to multiples of a power of two. Activation functions are read from tables, since the last bit of a math library's result
differs between processors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EXACT_BITS = 24
"""Integers up to 2²⁴ are exact in float32."""
ACTIVATION_BITS = 9
"""Activations are multiples of 2⁻⁹."""
ROW_BITS = 12
"""Summands that are never multiplied are multiples of 2⁻¹²."""
OUT_BITS = 16
"""Output weights of heads are multiples of 2⁻¹⁶. Their products with activations are summed in float64."""

TABLE_STEPS = 512
"""Table entries per unit of the argument."""
_TABLE_REACH = 16
_TABLE_HALF = _TABLE_REACH * TABLE_STEPS


def round_to_grid(values: NDArray[np.floating], bits: int) -> Floats:
    """``values`` rounded to multiples of 2^−bits, half to even."""
    scale = np.float32(2.0**bits)
    rounded: Floats = values * scale
    np.rint(rounded, out=rounded)
    rounded /= scale
    return rounded


class ActivationTable:
    """A function of one number as a table over [−16, 16), constant outside."""

    def __init__(
        self,
        function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        bits: int,
        precision: type[np.floating] = np.float32,
        *,
        factor: int = 1,
    ) -> None:
        """Values are rounded to multiples of 2^−``bits``, then multiplied by ``factor``, a power of two."""
        points = np.arange(-_TABLE_HALF, _TABLE_HALF) / TABLE_STEPS
        self._table: NDArray[Any] = (round_to_grid(function(points).astype(np.float32), bits) * factor).astype(
            precision
        )

    @staticmethod
    def index(steps: Floats) -> NDArray[np.intp]:
        """Table index of arguments given in multiples of 1 / ``TABLE_STEPS``."""
        return (steps + np.float32(_TABLE_HALF + 0.5)).astype(np.intp)

    def at(self, index: NDArray[np.intp]) -> NDArray[Any]:
        """Table values at ``index``."""
        found: NDArray[Any] = self._table.take(index, mode="clip")
        return found

    def __call__(self, values: Floats) -> NDArray[Any]:
        """Function values at ``values``."""
        return self.at(self.index(values * np.float32(TABLE_STEPS)))


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function."""
    result: NDArray[np.float64] = 0.5 + 0.5 * np.tanh(0.5 * values)
    return result


def gelu(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian error linear unit, tanh form (Hendrycks & Gimpel 2016), as torch's ``approximate="tanh"``."""
    inner = np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)
    result: NDArray[np.float64] = 0.5 * values * (1 + np.tanh(inner))
    return result
