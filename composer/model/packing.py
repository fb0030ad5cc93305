"""Folds the network's weights into lookup tables for ``composer.model.engine`` and ``composer.model.heads``.

A linear layer after an embedding becomes a table whose rows are added. Folding is exact
(``composer.model.arithmetic.fixed_point``), so the tables are the same on every machine.

Shape letters: R rows, I input, H hidden, G = 4 H gates, K lags, V vocabulary, W head width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import Doubles, Floats, exact_product
from composer.model.config import LOOKBACK_FIELDS, ModelConfig
from midi_data.events.encoding import FIELDS, Ints

Weights = Mapping[str, NDArray[Any]]
Integers = NDArray[np.int32]

INPUT_BITS = 10
"""Input vectors are multiples of 2⁻¹⁰ in [−32, 32)."""


def to_units(vectors: NDArray[Any]) -> Integers:
    """``vectors`` as integers, in units of 2^−``INPUT_BITS``."""
    return np.rint(vectors * np.float64(1 << INPUT_BITS)).astype(np.int32)


def stacked(groups: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], Ints]:
    """The rows of all ``groups``, and the first row of each."""
    return np.concatenate(groups), np.cumsum([0, *map(len, groups)])[:-1].astype(np.int64)


def pack_inputs(weights: Weights, config: ModelConfig) -> tuple[Integers, Ints]:
    """Rows (R, I) of ``SongState.inputs``, and the first row of each of its numbers (5 + 1 + 3 K + 1,).

    The last group has a row for each combination of matched lags.
    """
    fields, width = LOOKBACK_FIELDS["next"], weights["next_in.weight"].shape[1] // len(config.lags)
    groups = _folded(weights, FIELDS, weights["previous_in.weight"])
    groups.append(weights["clock_tables.position.weight"])
    for lag in range(len(config.lags)):
        groups += _folded(weights, fields, weights["next_in.weight"][:, lag * width : (lag + 1) * width])
    bits = np.arange(1 << len(config.lags))[:, None] >> np.arange(len(config.lags)) & 1  # (2^K, K)
    matches = bits @ to_units(weights["matched_in.weight"].T)
    return stacked([*map(to_units, groups), matches.astype(np.int32)])


def _folded(weights: Weights, fields: Sequence[str], layer: NDArray[Any]) -> list[Doubles]:
    """The embeddings of each of ``fields`` through its columns of ``layer`` (out, widths of all fields)."""
    tables = [weights[f"tables.{field}.weight"] for field in fields]
    edges = np.cumsum([0, *(table.shape[1] for table in tables)]).tolist()
    return [
        exact_product(table, layer[:, slice(*columns)].T)
        for table, columns in zip(tables, pairwise(edges), strict=True)
    ]


def pack_layer(weights: Weights, prefix: str) -> tuple[Floats, Floats, Floats]:
    """Weights (G, I or H) from below and (G, H) from the step before, and the bias (G,), of the LSTM ``prefix``.

    Gates are reordered from torch's (input, forget, candidate, output) to (input, forget, output, candidate).
    """
    size = len(weights[f"{prefix}.bias_ih_l0"]) // 4
    order = np.r_[: 2 * size, 3 * size : 4 * size, 2 * size : 3 * size]
    bias = weights[f"{prefix}.bias_ih_l0"] + weights[f"{prefix}.bias_hh_l0"]
    return weights[f"{prefix}.weight_ih_l0"][order], weights[f"{prefix}.weight_hh_l0"][order], bias[order]


def pack_head_rows(weights: Weights, config: ModelConfig, field: str) -> list[NDArray[Any]]:
    """Rows (…, W) added before the GELU of a head, in groups: chosen fields, position, a note's chord, lookback."""
    prefix, groups = f"heads.{field}", list[NDArray[Any]]()
    before = FIELDS[: FIELDS.index(field)]
    if before:
        groups = _folded(weights, before, weights[f"{prefix}.from_chosen.weight"])
        positions = weights["clock_tables.position.weight"]
        groups.append(exact_product(positions, weights[f"{prefix}.from_position.weight"].T))
    if field in LOOKBACK_FIELDS["note"]:
        groups.append(weights[f"{prefix}.from_chord.weight"])
    lookback = weights[f"{prefix}.from_lookback.weight"]
    for layer in np.split(lookback, config.lookback_size(field), axis=1):
        groups += _folded(weights, (field,), layer)
    return groups


def pack_head_outputs(weights: Weights, field: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Output weights (V + lookback [+ more], W) and biases of a head, folded with its tied table.

    More: for parts the bonus of each activity bin, for pitches that of each interval above the chord's root.
    """
    prefix, classes = f"heads.{field}", weights[f"tables.{field}.weight"][:-1]
    more = {"part": "activity_bonus.weight", "pitch": "heads.pitch.interval.weight"}
    tied = exact_product(classes, weights[f"{prefix}.to_table.weight"])
    bias = exact_product(classes, weights[f"{prefix}.to_table.bias"]) + weights[f"{prefix}.bias"]
    out = [tied, weights[f"{prefix}.copy.weight"], *([weights[more[field]]] if field in more else [])]
    biases = [bias, weights[f"{prefix}.copy.bias"], *([np.zeros(len(out[2]))] if field in more else [])]
    return np.concatenate(out), np.concatenate(biases)
