"""One step of the recurrent layers of ``composer.model.network``, by any backend: the same bits on every device.

Weights are int8, activations uint8, the rest is fixed-point (``composer.model.arithmetic``). An input vector is the sum
of the rows of its classes; it enters the first layer's product as two bytes a number.

Shape letters: B batch, R input rows, K lags, I input, H hidden, L layers, G = 4 H gates, W head width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.model.arithmetic.backends import Array, Backend, selected_backend
from composer.model.arithmetic.fixed_point import (
    ROW_BITS,
    TABLE_CENTRE,
    TABLE_STEPS,
    Floats,
    activation_table,
    round_to_grid,
    sigmoid,
)
from composer.model.arithmetic.quantized import QMAX, ZERO_POINT, Bytes, quantize
from composer.model.checkpoint import Checkpoint
from composer.model.config import CLOCK
from composer.model.packing import INPUT_BITS, Integers, pack_inputs, pack_layer, stacked, to_units
from midi_data.events.encoding import FIELDS, Ints

State = tuple[tuple[Array, Array], ...]
"""For each layer ``hidden`` (B, H), uint8 around ``ZERO_POINT``, and ``cell`` (B, H), in 1 / ``TABLE_STEPS``."""
HIGH, LOW = 256, 128
"""An input of v units is the bytes (h, l) with v = 256 (h − 128) + (l − 128)."""


class LstmCell:
    """The nonlinear part of an LSTM layer, by tables. Gates are in 1 / ``TABLE_STEPS``, plus ``TABLE_CENTRE``."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._centre = backend, float(TABLE_CENTRE)
        self._sigmoid = backend.array(activation_table(sigmoid, 15))
        self._candidate = backend.array(activation_table(np.tanh, 15, TABLE_STEPS))
        self._shown = backend.array(activation_table(lambda values: QMAX * np.tanh(values), 8))

    def __call__(self, gates: Array, cell: Array) -> tuple[Array, Array]:
        """Gates (B, 4 H) in the order input, forget, output, candidate, and cell (B, H) → hidden and cell (B, H)."""
        lookup, size = self._backend.lookup, cell.shape[-1]
        opened = lookup(self._sigmoid, gates[:, : 3 * size])  # (B, 3 H)
        candidate = lookup(self._candidate, gates[:, 3 * size :])  # (B, H)
        cell = opened[:, size : 2 * size] * cell + opened[:, :size] * candidate
        shown = lookup(self._shown, cell + self._centre) * opened[:, 2 * size :]
        library = self._backend.library
        return library.asarray(shown + (ZERO_POINT + 0.5), dtype=library.uint8), cell


class Engine:
    """Packed weights and the functions of one step. Stateless: one engine serves all songs."""

    def __init__(self, checkpoint: Checkpoint, backend: Backend | None = None) -> None:
        self.config = config = checkpoint.config
        self.backend = backend = backend or selected_backend()
        weights = checkpoint.weights
        self._input_rows = pack_inputs(weights, config)
        self._clock_rows = stacked([to_units(weights[f"clock_tables.{name}.weight"]) for name in CLOCK[1:]])
        layers = [pack_layer(weights, f"layers.{layer}") for layer in range(config.layers)]
        steps = float(TABLE_STEPS)
        self._from_input = backend.product(quantize(layers[0][0], steps * QMAX / 2.0**INPUT_BITS))
        recurrent = [layers[0][1], *(np.concatenate(layer[:2], axis=1) for layer in layers[1:])]
        self._recurrent = [backend.product(quantize(each, steps)) for each in recurrent]
        bias = [round_to_grid(each, ROW_BITS) * np.float32(steps) + TABLE_CENTRE for *_, each in layers]
        self._bias = [backend.array(each) for each in bias]
        heads = np.concatenate([weights[f"heads.{field}.from_hidden.weight"] for field in FIELDS])
        heads_bias = np.concatenate([weights[f"heads.{field}.from_hidden.bias"] for field in FIELDS])
        self._heads = backend.product(quantize(heads, steps))
        self._heads_bias = round_to_grid(heads_bias, ROW_BITS) * np.float32(steps)
        self._cell = LstmCell(backend)

    # -- inputs ------------------------------------------------------------------------------------------------------

    def clock_inputs(self, clock: Ints) -> Integers:
        """(…, I) the clock (…, 10) as it is throughout a chord slot: without the position."""
        return _summed(self._clock_rows, clock[..., 1:])

    def inputs(self, classes: Ints) -> Integers:
        """(…, I) inputs of an event, from ``SongState.inputs`` (…, R)."""
        return _summed(self._input_rows, classes)

    # -- one step ----------------------------------------------------------------------------------------------------

    def start(self, batch: int) -> State:
        """The zero state of ``batch`` songs."""
        shape = batch, self.config.hidden
        hidden, cell = np.full(shape, ZERO_POINT, dtype=np.uint8), np.zeros(shape, dtype=np.float32)
        return tuple((self.backend.array(hidden), self.backend.array(cell)) for _ in range(self.config.layers))

    def continued(self, state: State, kept: Sequence[int], new: int) -> State:
        """The state of the songs ``kept`` of a batch, and of ``new`` songs after them."""
        rows, begun = list(kept), self.start(new)
        concat = self.backend.library.concatenate
        return tuple(
            (concat([hidden[rows], fresh[0]]), concat([cell[rows], fresh[1]]))
            for (hidden, cell), fresh in zip(state, begun, strict=True)
        )

    def step(self, inputs: Integers, state: State) -> tuple[Floats, State]:
        """One step of all layers from inputs (B, I): inputs of the heads (B, 5, W); the next state."""
        backend = self.backend
        (hidden, cell), *above = state
        planes = self._from_input(backend.array(byte_planes(inputs)))  # (2 B, G)
        gates = planes[: len(inputs)] * HIGH  # (B, G)
        for more in (planes[len(inputs) :], self._bias[0], self._recurrent[0](hidden)):
            gates += more
        states = [self._cell(gates, cell)]
        for product, bias, (hidden, cell) in zip(self._recurrent[1:], self._bias[1:], above, strict=True):
            both = backend.library.concatenate([states[-1][0], hidden], axis=1)  # (B, 2 H)
            states.append(self._cell(product(both) + bias, cell))
        return self.head_inputs(states[-1][0]), tuple(states)

    def head_inputs(self, hidden: Array) -> Floats:
        """(B, H) hidden of the last layer → (B, 5, W) inputs of the heads, biases included, in 1 / ``TABLE_STEPS``."""
        inner: Floats = self.backend.numpy(self._heads(hidden)) + self._heads_bias
        return inner.reshape(len(inner), len(FIELDS), self.config.head)


def _summed(rows: tuple[Integers, Ints], classes: Ints) -> Integers:
    """(…, I) sum of one row of each group; ``rows``: all groups and the first row of each, ``classes`` (…, groups)."""
    table, first = rows
    total: Integers = np.add.reduce(table.take(classes + first, axis=0), axis=-2, dtype=np.int32)
    return total


def byte_planes(inputs: Integers) -> Bytes:
    """(2 B, I) high bytes of ``inputs`` (B, I), then low bytes; values are clipped to 16 bits."""
    clipped = np.minimum(np.maximum(inputs + (HIGH * ZERO_POINT + LOW), 0), HIGH * HIGH - 1)
    planes = np.empty((2 * len(inputs), inputs.shape[1]), dtype=np.uint8)
    planes[: len(inputs)] = clipped >> 8
    planes[len(inputs) :] = clipped & (HIGH - 1)
    return planes
