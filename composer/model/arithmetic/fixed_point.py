"""Fixed-point rounding and table lookup: arithmetic with the same bits on every machine, device and in every batch.

A sum of products does not depend on the order of its additions if every partial sum is a multiple of one power of two
and stays below 2⁵³ of it in float64, 2²⁴ in float32. Values that are added or multiplied are therefore rounded to
multiples of a power of two. Activation functions are read from tables, since the last bit of a math library's result
differs between processors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

EXACT_BITS = 24
"""Integers up to 2²⁴ are exact in float32."""
ACTIVATION_BITS = 9
"""Activations are multiples of 2⁻⁹."""
ROW_BITS = 12
"""Summands that are never multiplied are multiples of 2⁻¹²."""
OUT_BITS = 16
"""Output weights of heads are multiples of 2⁻¹⁶. Their products with activations are summed in float64."""
FOLD_BITS = 14
"""Factors of weights that are multiplied once, when a checkpoint is packed, are multiples of 2⁻¹⁴."""

TABLE_STEPS = 512
"""Table entries per unit of the argument."""
TABLE_HALF = 16 * TABLE_STEPS
"""Entries on each side of 0: tables reach from −16 to 16."""
TABLE_CENTRE = np.float32(TABLE_HALF + 0.5)
"""Added to an argument in table steps (biases have it in them), its integer part is the nearest entry."""


def round_to_grid(values: NDArray[Any], bits: int) -> Floats:
    """``values`` rounded to multiples of 2^−bits, half to even."""
    scale = 2.0**bits
    rounded: Floats = (np.rint(values * scale) / scale).astype(np.float32)
    return rounded


def fold_grid(values: NDArray[Any]) -> Doubles:
    """``values`` rounded to multiples of 2^−``FOLD_BITS``."""
    grid: Doubles = np.rint(values * 2.0**FOLD_BITS) / 2.0**FOLD_BITS
    return grid.astype(np.float64)


def exact_product(left: NDArray[Any], right: NDArray[Any]) -> Doubles:
    """``left @ right``, both on ``fold_grid``: exact for up to 2¹⁰ factors below 64."""
    product: Doubles = fold_grid(left) @ fold_grid(right)
    return product


def activation_table(function: Callable[[Doubles], Doubles], bits: int, factor: float = 1) -> Floats:
    """(2 ``TABLE_HALF``,) ``function`` over [−16, 16), rounded to multiples of 2^−``bits``, times ``factor``."""
    points = np.arange(-TABLE_HALF, TABLE_HALF) / TABLE_STEPS
    table: Floats = round_to_grid(function(points).astype(np.float32), bits) * np.float32(factor)
    return table


def sigmoid(values: Doubles) -> Doubles:
    """The logistic function."""
    result: Doubles = 0.5 + 0.5 * np.tanh(0.5 * values)
    return result


def gelu(values: Doubles) -> Doubles:
    """Gaussian error linear unit, tanh form (Hendrycks & Gimpel 2016), as torch's ``approximate="tanh"``."""
    inner = np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)
    result: Doubles = 0.5 * values * (1 + np.tanh(inner))
    return result
