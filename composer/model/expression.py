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
    Floats,
    exact_product,
    round_to_grid,
)
from composer.model.arithmetic.quantized import ZERO_POINT, quantize
from composer.model.engine import LstmCell
from midi_data.events.encoding import Ints
from midi_data.events.expression_features import FEATURES, NO_GENRE


class Expression:
    """Packed weights and one step for a batch of parts. Shape letters: B parts, F features, H hidden, G = 4 H gates."""

    def __init__(
        self, weights: Mapping[str, NDArray[Any]], genres: Sequence[str], backend: Backend | None = None
    ) -> None:
        wide = {name: weight.astype(np.float64) for name, weight in weights.items()}
        self._genres = tuple(genres)
        backend = backend or open_backend(device="cpu")
        self._cell = LstmCell(backend)
        self.hidden = wide["lstm.weight_hh_l0"].shape[1]
        # torch's gates are (input, forget, candidate, output); the activations take (input, forget, output, candidate).
        i, f, c, o = np.split(np.arange(4 * self.hidden), 4)
        order = np.concatenate([i, f, o, c])
        gates_in = wide["lstm.weight_ih_l0"][order].T  # (W, G)
        skip = np.concatenate([wide["residual_skip.weight"], wide["length_skip.weight"]]).T  # (W, 40)
        bias = (wide["lstm.bias_ih_l0"] + wide["lstm.bias_hh_l0"])[order]
        logits_bias = np.concatenate([wide["residual.bias"], wide["length.bias"]])

        def rows(table: NDArray[np.float64]) -> tuple[Floats, Floats]:
            gates = round_to_grid(exact_product(table, gates_in), ROW_BITS) * np.float32(TABLE_STEPS)
            return gates, round_to_grid(exact_product(table, skip), OUT_BITS)

        tables = [wide[f"tables.{name}.weight"] for name in FEATURES]
        genre = wide["genre.weight"]
        self._first = np.cumsum([0, *(len(table) for table in tables)])[:-1]
        self._gate_rows, self._logit_rows = rows(np.concatenate(tables))
        self._genre_gates, self._genre_logits = exact_product(genre, gates_in) + bias, exact_product(genre, skip)
        self._logits_bias = logits_bias
        recurrent = weights["lstm.weight_hh_l0"].astype(np.float32)[order]
        self._recurrent = backend.product(quantize(recurrent, float(TABLE_STEPS)))
        heads = np.concatenate([weights["residual.weight"], weights["length.weight"]]).astype(np.float32)
        self._heads = backend.product(quantize(heads))
        self.length_given: Floats = round_to_grid(wide["length_given.weight"], OUT_BITS)  # (8, 32)

    def genre_rows(self, genres: Mapping[str, float]) -> tuple[Floats, Floats]:
        """(G,) and (40,): what the weighted genres add to gates and logits; an unknown genre counts as "any"."""
        gates, logits = np.zeros_like(self._genre_gates[0]), self._logits_bias.copy()
        for name, weight in genres.items():
            row = self._genres.index(name) if name in self._genres else NO_GENRE
            gates += weight * self._genre_gates[row]
            logits += weight * self._genre_logits[row]
        return round_to_grid(gates, ROW_BITS) * np.float32(TABLE_STEPS) + TABLE_CENTRE, round_to_grid(logits, OUT_BITS)

    def start(self, batch: int) -> tuple[NDArray[np.uint8], Floats]:
        """Hidden (B, H) as bytes around ``ZERO_POINT`` and cell (B, H) before the first note."""
        return np.full((batch, self.hidden), ZERO_POINT, np.uint8), np.zeros((batch, self.hidden), np.float32)

    def step(
        self, features: Ints, genre: tuple[Floats, Floats], state: tuple[NDArray[np.uint8], Floats]
    ) -> tuple[Floats, tuple[NDArray[np.uint8], Floats]]:
        """Features (B, F) → logits (B, 40), 8 of the residual and 32 of the length, and the next state."""
        hidden, cell = state
        rows = features + self._first
        total = self._recurrent(hidden) + (self._gate_rows[rows].sum(axis=1) + genre[0])  # (B, G)
        hidden, cell = self._cell(total, cell)
        logits = self._heads(hidden) + (self._logit_rows[rows].sum(axis=1) + genre[1])
        return logits, (hidden, cell)
