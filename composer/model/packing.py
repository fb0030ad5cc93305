"""Folds the network's weights into lookup tables for ``composer.model.engine`` and ``composer.model.heads``.

A linear layer after an embedding becomes a table whose rows are added. Folding is exact
(``composer.model.arithmetic.fixed_point``), so the tables are the same on every machine.

Shape letters: R rows, I input, H hidden, G = 4 H gates, K lags, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from composer.model.config import CLOCK, LOOKBACK_FIELDS, ModelConfig
from composer.model.plan_inputs import Integers, Weights, to_units
from midi_data.events.encoding import FIELDS, Ints


@dataclass(frozen=True, slots=True)
class PackedHead:
    """One head: ``rows`` (R, W) added before its GELU, in 1 / ``TABLE_STEPS``; ``out`` (W, V + K [+ more]) after it.

    Rows of the first group have ``TABLE_CENTRE`` in them. ``first``: first row of each group, in the order chosen
    fields, position, chord, lookback. The columns of ``out`` and ``bias``: classes, the bonus of each lookback, for
    parts of each activity bin, for pitches of each interval above the chord's root.
    """

    rows: Floats
    first: Ints
    out: Doubles
    bias: Doubles


def pack_inputs(weights: Weights, config: ModelConfig) -> tuple[Integers, dict[str, int]]:
    """Rows (R, I) of all inputs (``composer.model.plan_inputs.to_units``), and the first row of each group by name."""
    groups = _input_groups(weights, config)
    first = dict(zip(groups, np.cumsum([0, *map(len, groups.values())]).tolist(), strict=False))
    rows = np.concatenate([to_units(group) for group in groups.values()])
    for lag in range(len(config.lags)):  # one row for every combination of matched lags; bit ``lag`` of its number
        bit = np.arange(1 << len(config.lags)) >> lag & 1
        rows[first["matches"] :] += rows[first["matched"] + 2 * lag + bit]
    return rows, first


def _input_groups(weights: Weights, config: ModelConfig) -> dict[str, NDArray[Any]]:
    """Groups of input vectors (rows, I) by name; ``matches`` is filled by ``pack_inputs``."""
    tables = {field: weights[f"tables.{field}.weight"] for field in FIELDS}
    groups: dict[str, NDArray[Any]] = {}
    columns = _columns(FIELDS, config)
    for field in FIELDS:
        groups[f"previous.{field}"] = exact_product(tables[field], weights["previous_in.weight"][:, columns[field]].T)
    columns = _columns(LOOKBACK_FIELDS["next"], config)
    width = sum(config.field_widths[field] for field in LOOKBACK_FIELDS["next"])
    for lag in range(len(config.lags)):
        of_lag = weights["next_in.weight"][:, lag * width : (lag + 1) * width]
        for field in LOOKBACK_FIELDS["next"]:
            groups[f"next.{lag}.{field}"] = exact_product(tables[field], of_lag[:, columns[field]].T)
    for name in CLOCK:
        groups[f"clock.{name}"] = weights[f"clock_tables.{name}.weight"]
    matched = weights["matched_in.weight"].T  # (K, I)
    # Even rows are zeros, odd rows the weight: the flag picks one.
    groups["matched"] = np.stack([np.zeros_like(matched), matched], axis=1).reshape(-1, matched.shape[1])
    groups["matches"] = np.zeros((1 << len(config.lags), matched.shape[1]), dtype=np.float32)
    return groups


def input_starts(first: Mapping[str, int], lags: int) -> Ints:
    """(5 + 1 + 3 K + 1,) first row of each number that ``SongState.inputs`` returns."""
    starts = [first[f"previous.{field}"] for field in FIELDS] + [first["clock.position"]]
    starts += next_starts(first, lags)
    return np.array([*starts, first["matches"]], dtype=np.int64)


def next_starts(first: Mapping[str, int], lags: int) -> list[int]:
    """(3 K,) first row of each lag's next event, field by field."""
    return [first[f"next.{lag}.{field}"] for lag in range(lags) for field in LOOKBACK_FIELDS["next"]]


def pack_layer(weights: Weights, layer: int) -> tuple[Floats, Floats, Floats]:
    """Weights (G, I or H) from below and (G, H) from the step before, and the bias (G,).

    Gates are reordered from torch's (input, forget, candidate, output) to (input, forget, output, candidate).
    """
    prefix = f"layers.{layer}"
    size = len(weights[f"{prefix}.bias_ih_l0"]) // 4
    order = np.r_[: 2 * size, 3 * size : 4 * size, 2 * size : 3 * size]
    bias = weights[f"{prefix}.bias_ih_l0"] + weights[f"{prefix}.bias_hh_l0"]
    return weights[f"{prefix}.weight_ih_l0"][order], weights[f"{prefix}.weight_hh_l0"][order], bias[order]


def pack_head(weights: Weights, config: ModelConfig, field: str) -> PackedHead:
    """The head of ``field``."""
    groups = _head_groups(weights, config, field)
    rows = np.concatenate([round_to_grid(group, ROW_BITS) for group in groups]) * np.float32(TABLE_STEPS)
    rows[: len(groups[0])] += TABLE_CENTRE
    out, bias = _head_outputs(weights, config, field)
    return PackedHead(
        rows=rows,
        first=np.cumsum([0, *map(len, groups)])[:-1].astype(np.int64),
        out=np.ascontiguousarray(round_to_grid(out, OUT_BITS).astype(np.float64).T),
        bias=round_to_grid(bias, ROW_BITS).astype(np.float64),
    )


def _head_groups(weights: Weights, config: ModelConfig, field: str) -> list[NDArray[Any]]:
    """Rows (…, head) of the fields chosen before, of the position, of a note's chord, and of each lookback."""
    prefix, width = f"heads.{field}", config.field_widths[field]
    before = FIELDS[: FIELDS.index(field)]
    columns, groups = _columns(before, config), []
    for chosen in before:
        own = weights[f"{prefix}.from_chosen.weight"][:, columns[chosen]]
        groups.append(exact_product(weights[f"tables.{chosen}.weight"], own.T))
    if before:
        positions = weights["clock_tables.position.weight"]
        groups.append(exact_product(positions, weights[f"{prefix}.from_position.weight"].T))
    if field in LOOKBACK_FIELDS["note"]:
        groups.append(weights[f"{prefix}.from_chord.weight"])
    for place in range(config.lookback_size(field)):
        own = weights[f"{prefix}.from_lookback.weight"][:, place * width : (place + 1) * width]
        groups.append(exact_product(weights[f"tables.{field}.weight"], own.T))
    return groups


def _head_outputs(weights: Weights, config: ModelConfig, field: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Output weights (V + lookback [+ more], head) and biases of a head, folded with its tied table."""
    prefix, classes = f"heads.{field}", weights[f"tables.{field}.weight"][:-1]
    none = np.zeros((0, config.head), dtype=np.float32)
    more = {"part": "activity_bonus.weight", "pitch": "heads.pitch.interval.weight"}
    bonus = weights[more[field]] if field in more else none
    tied = exact_product(classes, weights[f"{prefix}.to_table.weight"])
    tied_bias = exact_product(classes, weights[f"{prefix}.to_table.bias"]) + weights[f"{prefix}.bias"]
    out = np.concatenate([tied, weights[f"{prefix}.copy.weight"], bonus])
    return out, np.concatenate([tied_bias, weights[f"{prefix}.copy.bias"], np.zeros(len(bonus))])


def _columns(fields: Sequence[str], config: ModelConfig) -> dict[str, slice]:
    """Columns of each field in a concatenation of their embeddings."""
    edges = np.cumsum([0, *(config.field_widths[field] for field in fields)]).tolist()
    return {field: slice(*pair) for field, pair in zip(fields, pairwise(edges), strict=True)}
