"""Projections of a song's attribute histograms, computed once before the first note.

The torch module projects the histograms (``midi_data.analysis.attribute_histograms``) at every step; within a song they
are constant.

Shape letters: S slots (0 for no part, then the parts of the band), P parts, A histogram bins, G gates, W head width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import Floats
from composer.model.config import LOOKBACK_FIELDS
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH

Doubles = NDArray[np.float64]
WEIGHT_PREFIXES = ("histograms_in.", "active_histograms_in.", "part_histograms.", "heads.part.to_table.")
"""Prefixes of the weights used here, besides each note head's ``from_histograms``."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributeProjections:
    """``gates`` (S, G): added to the gates after a note of each part. ``heads`` (S, 3 W): added to the note heads.

    ``part_out`` (W, P), ``part_bias`` (P,): added to the output layer of the part head.
    """

    gates: Floats
    heads: Floats
    part_out: Doubles
    part_bias: Doubles


def histogram_roots(attribute_histograms: Mapping[int, Doubles], band: Sequence[int]) -> Doubles:
    """(S, A) square roots of the shares, the network's input; 0 for slot 0 and for parts without a histogram."""
    roots = np.zeros((1 + len(band), HISTOGRAMS_WIDTH))
    for slot, part in enumerate(band, 1):
        if part in attribute_histograms:
            roots[slot] = np.sqrt(attribute_histograms[part])
    return roots


def project_attributes(
    roots: Doubles,
    weights: Mapping[str, Doubles],
    gates: Callable[[Doubles], Floats],
    addend: Callable[[Doubles], Floats],
) -> AttributeProjections:
    """Projects ``roots`` (S, A). ``gates`` and ``addend`` round what is added to gates and heads."""
    to_heads = [weights[f"heads.{field}.from_histograms.weight"] for field in LOOKBACK_FIELDS["note"]]
    parts = roots[1:] @ weights["part_histograms.weight"].T  # (P, E)
    to_table = weights["heads.part.to_table.weight"]  # (E, W)
    return AttributeProjections(
        gates(roots @ weights["histograms_in.weight"].T @ weights["layers.0.weight_ih_l0"].T),
        addend(roots @ np.concatenate(to_heads).T),
        (parts @ to_table).T,
        parts @ weights["heads.part.to_table.bias"],
    )
