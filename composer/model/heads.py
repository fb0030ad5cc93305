"""The heads of the network: logits of one field after the other, given the fields chosen before.

They run in numpy on every device, between the draws. The output layer of parts is reduced to a song's band.

Shape letters: B batch, R rows, K lookback classes, V classes of the output layer, W head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import (
    ACTIVATION_BITS,
    OUT_BITS,
    ROW_BITS,
    TABLE_CENTRE,
    TABLE_STEPS,
    Doubles,
    Floats,
    activation_table,
    gelu,
    round_to_grid,
)
from composer.model.config import ModelConfig
from composer.model.packing import Weights, pack_head_outputs, pack_head_rows, stacked
from composer.model.plan_inputs import AttributeProjections
from midi_data.events.encoding import FIELDS, VOCABULARY, Ints


@dataclass(frozen=True, slots=True)
class OutputLayer:
    """Output layer of a head for some classes: ``out`` (W, V + K), ``bias`` (V + K,).

    After the lookback's bonuses come, of the part head, the activity bins' and of the pitch head the intervals'.
    """

    out: Doubles
    bias: Doubles

    def __call__(self, hidden: Doubles) -> NDArray[Any]:
        """(…, W) hidden layer → (…, V + K) outputs."""
        return hidden @ self.out + self.bias


class Heads:
    """The heads of a checkpoint. Stateless."""

    def __init__(self, weights: Weights, config: ModelConfig) -> None:
        groups = {field: pack_head_rows(weights, config, field) for field in FIELDS}
        self._rows, self._first = dict[str, Floats](), dict[str, Ints]()
        self.layers = dict[str, OutputLayer]()
        for field in FIELDS:
            rows, self._first[field] = stacked(groups[field])
            self._rows[field] = round_to_grid(rows, ROW_BITS) * np.float32(TABLE_STEPS)
            self._rows[field][: len(groups[field][0])] += TABLE_CENTRE
            out, bias = pack_head_outputs(weights, field)
            out = np.ascontiguousarray(round_to_grid(out, OUT_BITS).astype(np.float64).T)
            self.layers[field] = OutputLayer(out, round_to_grid(bias, ROW_BITS).astype(np.float64))
        self.chord_bonus = round_to_grid(weights["heads.pitch.chord_bonus"], OUT_BITS).astype(np.float64)
        """(roles, qualities, strengths, 12) added to the interval outputs of the pitch head."""
        self._gelu = activation_table(gelu, ACTIVATION_BITS).astype(np.float64)

    def hidden(self, field: str, inner: Floats, rows: Ints) -> Doubles:
        """(B, W) hidden layer of the head of ``field``.

        ``inner`` (B, 5, W) from ``Engine.step``, plus ``AttributeProjections.heads`` once the part is chosen. ``rows``
        (B, R): classes of the fields before, the position and a note's chord, then lookback classes.
        """
        total = np.add.reduce(self._rows[field].take(rows + self._first[field], axis=0), axis=1)
        total += inner[:, FIELDS.index(field)]
        hidden: Doubles = self._gelu.take(total.astype(np.intp), mode="clip")
        return hidden

    def part_layer(self, band: Sequence[int], projections: AttributeProjections) -> OutputLayer:
        """The part head's output layer for the parts of ``band``, with their projected attribute histograms."""
        layer, parts = self.layers["part"], len(band)
        columns = [*band, *range(VOCABULARY["part"], layer.out.shape[-1])]
        out, bias = layer.out[:, columns], layer.bias[columns]
        out[:, :parts] += projections.part_out
        bias[:parts] += projections.part_bias
        return OutputLayer(np.ascontiguousarray(out), bias)
