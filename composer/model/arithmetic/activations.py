"""Activation functions of a step (gates, cell, heads): in float32, or table lookups for composing.

``scale``: the value that stands for a gate or cell input of 1. With tables it is ``TABLE_STEPS``, so that the table
index is one addition away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import ACTIVATION_BITS, TABLE_STEPS, ActivationTable, Floats, gelu, sigmoid
from composer.model.arithmetic.quantized import QMAX


class FloatActivations:
    """The functions themselves, in float32."""

    scale = 1.0

    def gates(self, gates: Floats) -> tuple[Floats, Floats]:
        """(B, 4 H) gate inputs → (B, 3 H) input, forget and output gates, (B, H) candidate."""
        three = 3 * gates.shape[-1] // 4
        return _single(sigmoid, gates[..., :three]), np.tanh(gates[..., three:])

    def cell(self, cell: Floats) -> Floats:
        """Hyperbolic tangent of the cell, (B, H)."""
        return np.tanh(cell)

    def gelu(self, inner: Floats) -> NDArray[np.floating]:
        """GELU of a head's hidden layer, (B, head)."""
        return _single(gelu, inner)


def _single(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], values: Floats) -> Floats:
    return np.asarray(function(values.astype(np.float64)), dtype=np.float32)


class TableActivations:
    """Table lookups. Candidate and cell are in multiples of 1 / ``TABLE_STEPS``, tanh of the cell of 1 / ``QMAX``."""

    scale = float(TABLE_STEPS)

    def __init__(self) -> None:
        self._sigmoid = ActivationTable(sigmoid, 15)
        self._candidate = ActivationTable(np.tanh, 15, factor=TABLE_STEPS)
        self._cell = ActivationTable(lambda values: QMAX * np.tanh(values), 8)
        self._gelu = ActivationTable(gelu, ACTIVATION_BITS, np.float64)

    def gates(self, gates: Floats) -> tuple[Floats, Floats]:
        """(B, 4 H) gate inputs → (B, 3 H) input, forget and output gates, (B, H) candidate."""
        three, index = 3 * gates.shape[-1] // 4, ActivationTable.index(gates)
        return self._sigmoid.at(index[..., :three]), self._candidate.at(index[..., three:])

    def cell(self, cell: Floats) -> Floats:
        """Hyperbolic tangent of the cell, (B, H)."""
        return self._cell.at(ActivationTable.index(cell))

    def gelu(self, inner: Floats) -> NDArray[np.floating]:
        """GELU of a head's hidden layer, (B, head), in float64."""
        return self._gelu(inner)
