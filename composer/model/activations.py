"""The curves of a step: gates, cell and heads, as functions in float32 or, for composing, from tables.

``unit``: what a gate or a cell of 1 is given as. The tables' own step makes the place in a table one addition away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from composer.model.fixed_point import ACTIVATION_BITS, TABLE_STEPS, ActivationTable, Floats, gelu, sigmoid
from composer.model.quantized import QMAX


class FloatActivations:
    """The functions themselves, in float32."""

    unit = 1.0

    def gates(self, gates: Floats) -> tuple[Floats, Floats]:
        """The three gates that open, and the candidate."""
        three = 3 * gates.shape[-1] // 4
        return _single(sigmoid, gates[..., :three]), np.tanh(gates[..., three:])

    def cell(self, cell: Floats) -> Floats:
        """What the cell shows."""
        return np.tanh(cell)

    def gelu(self, inner: Floats) -> NDArray[np.floating]:
        """A head's curve."""
        return _single(gelu, inner)


def _single(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], values: Floats) -> Floats:
    return np.asarray(function(values.astype(np.float64)), dtype=np.float32)


class TableActivations:
    """The same from tables; gates and cell in steps of the tables, what the cell shows in steps of 1 / 127."""

    unit = float(TABLE_STEPS)

    def __init__(self) -> None:
        self._sigmoid = ActivationTable(sigmoid, 15)
        self._candidate = ActivationTable(np.tanh, 15, times=TABLE_STEPS)
        self._shown = ActivationTable(lambda values: QMAX * np.tanh(values), 8)
        self._gelu = ActivationTable(gelu, ACTIVATION_BITS, np.float64)

    def gates(self, gates: Floats) -> tuple[Floats, Floats]:
        """The three gates that open, and the candidate."""
        three, index = 3 * gates.shape[-1] // 4, ActivationTable.place(gates)
        return self._sigmoid.at(index[..., :three]), self._candidate.at(index[..., three:])

    def cell(self, cell: Floats) -> Floats:
        """What the cell shows."""
        return self._shown.at(ActivationTable.place(cell))

    def gelu(self, inner: Floats) -> NDArray[np.floating]:
        """A head's curve."""
        return self._gelu(inner)
