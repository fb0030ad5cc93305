"""What the tendencies of a song's parts add to the network, folded into rows before the first note.

The torch module multiplies every part's shares (``midi_data.analysis.attribute_histograms``) at every step; they
never change within a
song, so here each part has its products ready. Knows weights and shares; nothing of steps.

Shape letters: S slots (0 of nobody, then the parts of the band), P parts, G gates, W width of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.model.config import LOOKBACK_FIELDS
from composer.model.fixed_point import Floats
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH

Wide = NDArray[np.float64]
WEIGHTS = ("histograms_in.", "active_histograms_in.", "part_histograms.", "heads.part.to_table.")
"""Beginnings of the names of the weights that this takes, beside each note head's ``from_histograms``."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributeProjections:
    """``before`` (S, G): added to the gates after a note of each part. ``inner`` (S, 3 W): to the heads of a note.

    ``out`` (W, P), ``bias`` (P,): added to the part head's last product for each part of the band.
    """

    before: Floats
    inner: Floats
    out: Wide
    bias: Wide


def histogram_roots(attribute_histograms: Mapping[int, Wide], band: Sequence[int]) -> Wide:
    """(1 + P, W): roots of the shares as the network takes them; 0 for nobody and for parts that none are told of."""
    roots = np.zeros((1 + len(band), HISTOGRAMS_WIDTH))
    for slot, part in enumerate(band, 1):
        if part in attribute_histograms:
            roots[slot] = np.sqrt(attribute_histograms[part])
    return roots


def incline(
    roots: Wide, weights: Mapping[str, Wide], gates: Callable[[Wide], Floats], addend: Callable[[Wide], Floats]
) -> AttributeProjections:
    """``roots`` (1 + P, W) through the ``weights``; ``gates`` and ``addend`` put what is only added on their grids."""
    heads = np.concatenate([weights[f"heads.{field}.from_histograms.weight"] for field in LOOKBACK_FIELDS["note"]])
    parts = roots[1:] @ weights["part_histograms.weight"].T  # (P, E)
    to_table = weights["heads.part.to_table.weight"]
    return AttributeProjections(
        gates(roots @ weights["histograms_in.weight"].T @ weights["layers.0.weight_ih_l0"].T),
        addend(roots @ heads.T),
        (parts @ to_table).T,
        parts @ weights["heads.part.to_table.bias"],
    )
