"""What a song's plan adds to the network's inputs, computed once before the first note.

The torch module projects conditions, activity and attribute histograms at every step; within a song they are constant.

Shape letters: I input, S slots (0 for no part, then the parts of the band), P parts, A histogram bins, W head width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import (
    OUT_BITS,
    ROW_BITS,
    TABLE_STEPS,
    Doubles,
    Floats,
    exact_product,
    fold_grid,
    round_to_grid,
)
from composer.model.config import ACTIVITY_WEIGHTS, CONDITIONS, LOOKBACK_FIELDS
from composer.model.packing import Integers, Weights, to_units
from midi_data.analysis.activity import Activity
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH


@dataclass(frozen=True, slots=True, eq=False)
class AttributeProjections:
    """Projected attribute histograms of a song.

    ``inputs`` (S, I): added to the input after a note of each part. ``heads`` (S, 3, W): added to the note heads.
    ``part_out`` (W, P), ``part_bias`` (P,): added to the output layer of the part head.
    """

    inputs: Integers
    heads: Floats
    part_out: Doubles
    part_bias: Doubles


class PlanInputs:
    """The weights that project a plan."""

    def __init__(self, weights: Weights) -> None:
        self._parts = weights["tables.part.weight"]
        self._tables = [weights[f"condition_tables.{name}.weight"].astype(np.float64) for name in CONDITIONS]
        self._bias = weights["previous_in.bias"]
        to_heads = [weights[f"heads.{field}.from_histograms.weight"] for field in LOOKBACK_FIELDS["note"]]
        self._to_heads = fold_grid(np.concatenate(to_heads))  # (3 W, A)
        names = ("band_in", "active_parts_in", "histograms_in", "active_histograms_in", "part_histograms")
        self._layers = {name: fold_grid(weights[f"{name}.weight"]) for name in names}
        self._to_table, self._to_bias = (weights[f"heads.part.to_table.{name}"] for name in ("weight", "bias"))

    def conditions(self, labels: Sequence[Sequence[tuple[int, float]]], band: Sequence[int]) -> Integers:
        """(I,) conditions and the band of a song, and the input layer's bias.

        ``labels``: for each of ``CONDITIONS`` (row, weight) pairs, several for a blend. ``band``: part classes.
        """
        parts = self._parts[list(band)].sum(axis=0, dtype=np.float64)
        vector = self._projected(parts / np.sqrt(max(len(band), 1)), "band_in") + self._bias
        for table, rows in zip(self._tables, labels, strict=True):
            for row, weight in rows:
                vector += weight * table[row]
        return to_units(vector)

    def activity(self, activity: Activity, band: Sequence[int], roots: Doubles | None = None) -> Integers:
        """(bars, I) the ``activity`` (bars, parts of ``band``) of each bar.

        ``roots`` (S, A): square roots of the parts' attribute histograms, if they condition the song.
        """
        weights = np.asarray(ACTIVITY_WEIGHTS)[activity]  # (bars, P)
        vectors = self._projected(exact_product(weights, self._parts[list(band)]), "active_parts_in")
        if roots is not None:
            vectors += self._projected(exact_product(weights, roots[1:]), "active_histograms_in")
        return to_units(vectors)

    def attributes(self, roots: Doubles) -> AttributeProjections:
        """Projections of a song's attribute histograms; ``roots`` (S, A)."""
        heads = round_to_grid(fold_grid(roots) @ self._to_heads.T, ROW_BITS) * np.float32(TABLE_STEPS)  # (S, 3 W)
        parts = self._projected(roots[1:], "part_histograms")  # (P, E)
        return AttributeProjections(
            to_units(self._projected(roots, "histograms_in")),
            heads.reshape(len(roots), len(LOOKBACK_FIELDS["note"]), -1),
            round_to_grid(exact_product(parts, self._to_table).T, OUT_BITS).astype(np.float64),
            round_to_grid(exact_product(parts, self._to_bias), ROW_BITS).astype(np.float64),
        )

    def _projected(self, vectors: NDArray[Any], layer: str) -> Doubles:
        """``vectors`` (…, in) through one of the layers, (…, out)."""
        projected: Doubles = fold_grid(vectors) @ self._layers[layer].T
        return projected


def histogram_roots(attribute_histograms: Mapping[int, Doubles], band: Sequence[int]) -> Doubles:
    """(S, A) square roots of the shares, the network's input; 0 for slot 0 and for parts without a histogram."""
    roots = np.zeros((1 + len(band), HISTOGRAMS_WIDTH))
    for slot, part in enumerate(band, 1):
        if part in attribute_histograms:
            roots[slot] = np.sqrt(attribute_histograms[part])
    return roots
