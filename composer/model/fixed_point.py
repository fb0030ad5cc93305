"""Arithmetic that gives the same bits on every machine: numbers on dyadic grids, curves from tables.

A sum of products is the same whatever order a BLAS adds it in, alone or in a batch, when every partial sum is a whole
multiple of one power of two and stays below 2⁵³ of it in double precision, 2²⁴ in single. What is added or multiplied
here is therefore rounded to grids fine enough to cost nothing that can be heard. Curves (sigmoid, tanh, gelu) are read
from tables, since a library's last bit differs between processors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EXACT_BITS = 24
"""Whole numbers up to 2²⁴ are exact in float32."""
ACTIVATION_BITS = 9
"""Activations are multiples of 2⁻⁹."""
ROW_BITS = 12
"""Summands that are only added, never multiplied, are multiples of 2⁻¹²."""
OUT_BITS = 16
"""Weights after a head's curve are multiples of 2⁻¹⁶; their products with activations are added up in double precision:
thousands of them fit."""

TABLE_STEPS = 512
"""Steps of a curve's table for each whole number."""
_TABLE_REACH = 16
_TABLE_HALF = _TABLE_REACH * TABLE_STEPS


def on_grid(values: NDArray[np.floating], bits: int) -> Floats:
    """``values`` rounded to multiples of 2^−bits, half to even."""
    scale = np.float32(2.0**bits)
    rounded: Floats = values * scale
    np.rint(rounded, out=rounded)
    rounded /= scale
    return rounded


class ActivationTable:
    """A function of one number as a table over [−16, 16), constant beyond; values on the activation grid or finer."""

    def __init__(
        self,
        function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        bits: int,
        precision: type[np.floating] = np.float32,
        *,
        times: int = 1,
    ) -> None:
        """Values are rounded to multiples of 2^−``bits``, then taken ``times``, a power of two."""
        points = np.arange(-_TABLE_HALF, _TABLE_HALF) / TABLE_STEPS
        self._table: NDArray[Any] = (on_grid(function(points).astype(np.float32), bits) * times).astype(precision)

    @staticmethod
    def place(steps: Floats) -> NDArray[np.intp]:
        """Where values, given in the table's ``steps``, stand in any curve's table."""
        return (steps + np.float32(_TABLE_HALF + 0.5)).astype(np.intp)

    def at(self, place: NDArray[np.intp]) -> NDArray[Any]:
        """The table's value at each ``place``."""
        found: NDArray[Any] = self._table.take(place, mode="clip")
        return found

    def __call__(self, values: Floats) -> NDArray[Any]:
        """The curve at each of ``values``."""
        return self.at(self.place(values * np.float32(TABLE_STEPS)))


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logistic function."""
    result: NDArray[np.float64] = 0.5 + 0.5 * np.tanh(0.5 * values)
    return result


def gelu(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian error linear unit, tanh form (Hendrycks & Gimpel 2016), as torch's ``approximate="tanh"``."""
    inner = np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)
    result: NDArray[np.float64] = 0.5 * values * (1 + np.tanh(inner))
    return result
