"""The expression network in numpy: exact velocities and lengths for notes whose classes are composed.

One LSTM layer runs over the notes of each part; ``training/expression/train.py`` trains it. Everything that is
linear before the gates is folded into rows of a table when the file is loaded, and products are exact integers
(``composer.model.arithmetic``), so the result is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.backends import Backend, open_backend
from composer.model.arithmetic.fixed_point import (
    OUT_BITS,
    ROW_BITS,
    TABLE_CENTRE,
    TABLE_STEPS,
    Doubles,
    Floats,
    exact_product,
    round_to_grid,
)
from composer.model.arithmetic.quantized import quantize
from composer.model.engine import LstmCell
from composer.model.packing import pack_layer, stacked
from midi_data.events.encoding import Ints
from midi_data.events.expression_features import FEATURES, NO_GENRE

ExpressionState = tuple[Floats, Floats]
"""``outputs`` (B, G + 40) of the last hidden state, the next gates and the logits, and ``cell`` (B, H)."""


class Expression:
    """Packed weights and one step for a batch of parts. Shape letters: B parts, F features, H hidden, G = 4 H gates."""

    def __init__(
        self, weights: Mapping[str, NDArray[Any]], genres: Sequence[str], backend: Backend | None = None
    ) -> None:
        wide = {name: weight.astype(np.float64) for name, weight in weights.items()}
        self._genres, backend = tuple(genres), backend or open_backend(device="cpu")
        self._cell = LstmCell(backend)
        gates_in, recurrent, bias = pack_layer(wide, "lstm")
        self._gates = len(bias)
        skip = np.concatenate([wide["residual_skip.weight"], wide["length_skip.weight"]])  # (40, W)
        tables, self._first = stacked([wide[f"tables.{name}.weight"] for name in FEATURES])
        layer = np.concatenate([gates_in, skip]).T  # (W, G + 40)
        self._rows = self._on_grids(exact_product(tables, layer))
        self._genre = exact_product(wide["genre.weight"], layer) + np.append(bias, np.zeros(len(skip)))
        self._bias = np.concatenate([np.zeros(self._gates), wide["residual.bias"], wide["length.bias"]])
        heads = np.concatenate([wide["residual.weight"], wide["length.weight"]])
        # The hidden state gives the logits of one step and the gates of the next: one product for both.
        both, steps = np.concatenate([recurrent, heads]).astype(np.float32), np.ones(self._gates + len(heads))
        steps[: self._gates] = TABLE_STEPS
        self._product = backend.product(quantize(both, steps))
        self.length_given: Floats = round_to_grid(wide["length_given.weight"], OUT_BITS)  # (8, 32)

    def _on_grids(self, vectors: Doubles) -> Floats:
        """Gates and logits (…, G + 40), gates in 1 / ``TABLE_STEPS``."""
        gates = round_to_grid(vectors[..., : self._gates], ROW_BITS) * np.float32(TABLE_STEPS)
        return np.concatenate([gates, round_to_grid(vectors[..., self._gates :], OUT_BITS)], axis=-1)

    def genre_row(self, genres: Mapping[str, float]) -> Floats:
        """(G + 40,) what the weighted genres add to gates and logits; an unknown genre counts as "any"."""
        vector = self._bias.copy()
        for name, weight in genres.items():
            vector += weight * self._genre[self._genres.index(name) if name in self._genres else NO_GENRE]
        row = self._on_grids(vector)
        row[: self._gates] += TABLE_CENTRE
        return row

    def start(self, batch: int) -> ExpressionState:
        """The state before the first note."""
        outputs = np.zeros((batch, self._rows.shape[1]), np.float32)
        return outputs, np.zeros((batch, self._gates // 4), np.float32)

    def step(self, features: Ints, genre: Floats, state: ExpressionState) -> tuple[Floats, ExpressionState]:
        """Features (B, F) → logits (B, 40), 8 of the residual and 32 of the length, and the next state."""
        outputs, cell = state
        added = np.add.reduce(self._rows.take(features + self._first, axis=0), axis=1) + genre  # (B, G + 40)
        hidden, cell = self._cell(outputs[:, : self._gates] + added[:, : self._gates], cell)
        outputs = self._product(hidden)
        return outputs[:, self._gates :] + added[:, self._gates :], (outputs, cell)
