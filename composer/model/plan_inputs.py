"""What a song's plan adds to the network's inputs, computed once before the first note.

The torch module projects conditions, activity and attribute histograms at every step; within a song they are constant.
Vectors of the input layer are integers, in units of 2^−``INPUT_BITS``.

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
    round_to_grid,
)
from composer.model.config import ACTIVITY_WEIGHTS, CONDITIONS, LOOKBACK_FIELDS
from midi_data.analysis.activity import Activity
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH

Weights = Mapping[str, NDArray[Any]]
Integers = NDArray[np.int32]

INPUT_BITS = 10
"""Input vectors are multiples of 2⁻¹⁰ in [−32, 32)."""
WEIGHT_PREFIXES = (
    "condition_tables.", "tables.part.", "band_in.", "active_parts_in.", "previous_in.bias", "histograms_in.",
    "active_histograms_in.", "part_histograms.", "heads.part.to_table.",
)  # fmt: skip
"""Prefixes of the weights used here, besides each note head's ``from_histograms``."""


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
        """``weights``: all of a checkpoint's; those of the plan are kept."""
        self._weights = {
            name: weight
            for name, weight in weights.items()
            if name.startswith(WEIGHT_PREFIXES) or name.endswith("from_histograms.weight")
        }

    def conditions(self, labels: Sequence[Sequence[tuple[int, float]]], band: Sequence[int]) -> Integers:
        """(I,) conditions and the band of a song, and the input layer's bias.

        ``labels``: for each of ``CONDITIONS`` (row, weight) pairs, several for a blend. ``band``: part classes.
        """
        parts = self._weights["tables.part.weight"][list(band)].sum(axis=0, dtype=np.float64)
        vector = exact_product(self._weights["band_in.weight"], parts / np.sqrt(max(len(band), 1)))
        vector += self._weights["previous_in.bias"]
        for name, rows in zip(CONDITIONS, labels, strict=True):
            table = self._weights[f"condition_tables.{name}.weight"]
            for row, weight in rows:
                vector += weight * table[row].astype(np.float64)
        return to_units(vector)

    def activity(self, activity: Activity, band: Sequence[int], roots: Doubles | None = None) -> Integers:
        """(bars, I) the ``activity`` (bars, parts of ``band``) of each bar.

        ``roots`` (S, A): square roots of the parts' attribute histograms, if they condition the song.
        """
        weights = np.asarray(ACTIVITY_WEIGHTS)[activity]  # (bars, P)
        playing = exact_product(weights, self._weights["tables.part.weight"][list(band)])  # (bars, E)
        vectors = exact_product(playing, self._weights["active_parts_in.weight"].T)
        if roots is not None:
            vectors += exact_product(exact_product(weights, roots[1:]), self._weights["active_histograms_in.weight"].T)
        return to_units(vectors)

    def attributes(self, roots: Doubles) -> AttributeProjections:
        """Projections of a song's attribute histograms; ``roots`` (S, A)."""
        w = self._weights
        to_heads = [w[f"heads.{field}.from_histograms.weight"].T for field in LOOKBACK_FIELDS["note"]]
        parts = exact_product(roots[1:], w["part_histograms.weight"].T)  # (P, E)
        return AttributeProjections(
            to_units(exact_product(roots, w["histograms_in.weight"].T)),
            np.stack([round_to_grid(exact_product(roots, each), ROW_BITS) for each in to_heads], axis=1)
            * np.float32(TABLE_STEPS),
            round_to_grid(exact_product(parts, w["heads.part.to_table.weight"]).T, OUT_BITS).astype(np.float64),
            round_to_grid(exact_product(parts, w["heads.part.to_table.bias"]), ROW_BITS).astype(np.float64),
        )


def to_units(vectors: NDArray[Any]) -> Integers:
    """``vectors`` as integers, in units of 2^−``INPUT_BITS``."""
    return np.rint(vectors * np.float64(1 << INPUT_BITS)).astype(np.int32)


def histogram_roots(attribute_histograms: Mapping[int, Doubles], band: Sequence[int]) -> Doubles:
    """(S, A) square roots of the shares, the network's input; 0 for slot 0 and for parts without a histogram."""
    roots = np.zeros((1 + len(band), HISTOGRAMS_WIDTH))
    for slot, part in enumerate(band, 1):
        if part in attribute_histograms:
            roots[slot] = np.sqrt(attribute_histograms[part])
    return roots
