"""Folds the network's weights into lookup tables for ``composer.model.engine``.

Everything linear before a nonlinearity becomes a table whose rows are added: an embedding and the linear layer after it
are multiplied once, when the engine is built.

Shape letters: R rows, I input, H hidden, G = 4 H gates, K lags, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import Floats
from composer.model.config import CLOCK, LOOKBACK_FIELDS, ModelConfig
from midi_data.events.encoding import FIELDS, VOCABULARY, Ints

Weights = Mapping[str, NDArray[Any]]
Rounding = Callable[[NDArray[np.floating]], Floats]


@dataclass(frozen=True, slots=True)
class PackedHead:
    """One head: ``rows`` (R, head) added before its GELU, ``out`` (head, V + lookback [+ more]) after it.

    ``first``: first row of each group, in the order chosen fields, position, chord, lookback. ``bias_in`` (head,).
    The columns of ``out`` and ``bias_out``: classes, the bonus of each lookback, for parts of each activity bin, for
    pitches of each interval above the chord's root.
    """

    rows: Floats
    first: Ints
    bias_in: Floats
    out: NDArray[np.floating]
    bias_out: Floats
    classes: int

    def with_copies(self, out: NDArray[np.floating], lookback: Ints) -> NDArray[np.floating]:
        """(…, V + K) outputs → (…, V) logits: each lookback's bonus is added to its class; class V adds nothing.

        ``lookback`` (…, K) classes.
        """
        logits = np.concatenate([out[..., : self.classes], np.zeros((*out.shape[:-1], 1), dtype=out.dtype)], axis=-1)
        bonus = out[..., self.classes :]
        flat, at = logits.reshape(-1, self.classes + 1), lookback.reshape(-1, lookback.shape[-1])
        np.add.at(flat, (np.arange(len(flat))[:, None], at), bonus.reshape(at.shape))
        return flat[:, :-1].reshape(*out.shape[:-1], self.classes)


def pack_inputs(weights: Weights, config: ModelConfig, gates: Rounding) -> tuple[Floats, dict[str, int]]:
    """Rows (R, G) of all inputs of the first layer, and the first row of each group by name.

    ``gates`` rounds and scales what is added before the gates.
    """
    groups = _input_groups(weights, config)
    counts = [len(group) for group in groups.values()]
    first = dict(zip(groups, np.cumsum([0, *counts]).tolist(), strict=False))
    to_gates = weights["layers.0.weight_ih_l0"].T  # (I, G)
    rows = np.empty((sum(counts), to_gates.shape[1]), dtype=np.float32)
    for name, group in groups.items():
        rows[first[name] : first[name] + len(group)] = gates(group @ to_gates)
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
        groups[f"previous.{field}"] = tables[field] @ weights["previous_in.weight"][:, columns[field]].T
    columns = _columns(LOOKBACK_FIELDS["next"], config)
    width = sum(config.field_widths[field] for field in LOOKBACK_FIELDS["next"])
    for lag in range(len(config.lags)):
        of_lag = weights["next_in.weight"][:, lag * width : (lag + 1) * width]
        for field in LOOKBACK_FIELDS["next"]:
            groups[f"next.{lag}.{field}"] = tables[field] @ of_lag[:, columns[field]].T
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


def pack_head(weights: Weights, config: ModelConfig, field: str, addend: Rounding, product: Rounding) -> PackedHead:
    """The head of ``field``. ``addend`` rounds what is only added, ``product`` what is multiplied."""
    groups = _head_groups(weights, config, field)
    out, bias = _head_outputs(weights, config, field)
    return PackedHead(
        rows=addend(np.concatenate(groups)),
        first=np.cumsum([0, *(len(group) for group in groups)])[:-1].astype(np.int64),
        bias_in=addend(weights[f"heads.{field}.from_hidden.bias"]),
        out=np.ascontiguousarray(product(out).T),
        bias_out=addend(bias),
        classes=VOCABULARY[field],
    )


def _head_groups(weights: Weights, config: ModelConfig, field: str) -> list[NDArray[Any]]:
    """Rows (…, head) of the fields chosen before, of the position, of a note's chord, and of each lookback."""
    prefix, width = f"heads.{field}", config.field_widths[field]
    before = FIELDS[: FIELDS.index(field)]
    columns, groups = _columns(before, config), []
    for chosen in before:
        own = weights[f"{prefix}.from_chosen.weight"][:, columns[chosen]]
        groups.append(weights[f"tables.{chosen}.weight"] @ own.T)
    if before:
        groups.append(weights["clock_tables.position.weight"] @ weights[f"{prefix}.from_position.weight"].T)
    if field in LOOKBACK_FIELDS["note"]:
        groups.append(weights[f"{prefix}.from_chord.weight"])
    for place in range(config.lookback_size(field)):
        own = weights[f"{prefix}.from_lookback.weight"][:, place * width : (place + 1) * width]
        groups.append(weights[f"tables.{field}.weight"] @ own.T)
    return groups


def _head_outputs(weights: Weights, config: ModelConfig, field: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Output weights (V + lookback [+ more], head) and biases of a head, folded with its tied table."""
    prefix, classes = f"heads.{field}", weights[f"tables.{field}.weight"][:-1]
    none = np.zeros((0, config.head), dtype=np.float32)
    more = {"part": "activity_bonus.weight", "pitch": "heads.pitch.interval.weight"}
    bonus = weights[more[field]] if field in more else none
    out = np.concatenate([classes @ weights[f"{prefix}.to_table.weight"], weights[f"{prefix}.copy.weight"], bonus])
    bias = np.concatenate(
        [
            classes @ weights[f"{prefix}.to_table.bias"] + weights[f"{prefix}.bias"],
            weights[f"{prefix}.copy.bias"],
            np.zeros(len(bonus), dtype=np.float32),
        ]
    )
    return out, bias


def _columns(fields: Sequence[str], config: ModelConfig) -> dict[str, slice]:
    """Columns of each field in a concatenation of their embeddings."""
    edges = np.cumsum([0, *(config.field_widths[field] for field in fields)]).tolist()
    return {field: slice(*pair) for field, pair in zip(fields, pairwise(edges), strict=True)}
