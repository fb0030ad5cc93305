"""Batches for the note network: segments of whole pieces for truncated back-propagation through time.

Shape letters: T time steps, B batch rows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from composer.model.network import Conditions, StepInputs
from midi_data.events.features import step_count
from training.config import TrainingConfig
from training.data.examples import Example, Names, Variation, draw_variation, make_example
from training.data.piece_stream import PieceStream, padded
from training.data.pieces import CorpusPieces
from training.distributed import split_rows

IGNORED = -100
"""Target class of padding, as in ``torch.nn.functional.cross_entropy``."""
_STEPPED = ("previous", "clock", "position_after", "next", "part", "note", "matched", "slots", "chord", "target")


@dataclass(frozen=True, slots=True)
class Batch:
    """One segment of each batch row.

    ``target`` (T, B, 5) classes, ``IGNORED`` in padding. ``resets`` (B,): rows that start a piece. ``notes``: steps
    that are not padding.
    """

    inputs: StepInputs
    conditions: Conditions
    target: Tensor
    resets: Tensor
    notes: int


class BatchStream(PieceStream[Variation, Example]):
    """An endless, seeded stream of training batches of the ``own`` rows (default: all)."""

    def __init__(self, pieces: CorpusPieces, names: Names, config: TrainingConfig, own: slice | None = None) -> None:
        super().__init__(config.seed, config.batch_size, config.steps, own)
        self._pieces, self._names, self._config = pieces, names, config

    def next(self) -> Batch:
        """The next segment of every own row."""
        segments, resets = self._segments()
        return collate(segments, self._steps, resets)

    def _draw_order(self) -> list[int]:
        """Each piece as often as its genre's weight says; fractions of a weight by chance."""
        weights = np.array([self._config.genre_weights.get(piece.genre, 1.0) for _, piece in self._pieces])
        times = np.floor(weights + self._rng.random(len(weights))).astype(int)
        order: list[int] = self._rng.permutation(np.repeat(np.arange(len(weights)), times)).tolist()
        return order or self._rng.permutation(len(weights)).tolist()

    def _draw(self, piece: int) -> Variation:
        shard, facts = self._pieces[piece]
        return draw_variation(self._rng, shard.events(facts), self._config.augmentation)

    def _load(self, piece: int, draw: Variation, *, own: bool) -> tuple[int, Example | None]:
        shard, facts = self._pieces[piece]
        events = shard.events(facts)
        example = compact(make_example(facts, events, self._names, draw)) if own else None
        return step_count(events), example

    def _draw_to_json(self, draw: Variation) -> dict[str, Any]:
        return asdict(draw)

    def _draw_from_json(self, value: Any) -> Variation:
        return Variation(**{**value, "dropped": tuple(value["dropped"])})


def compact(example: Example) -> Example:
    """``example`` in a third of the memory: classes fit in 16 bits, bar numbers in 32."""
    small = {}
    for name in (*_STEPPED, "bar", "bar_after"):
        column = getattr(example, name)
        if column.dtype.kind == "i":
            small[name] = column.astype(np.int32 if name.startswith("bar") else np.int16)
    return replace(example, **small)


def split_batch(batch: Batch, count: int) -> list[Batch]:
    """``batch`` as ``count`` groups of its rows."""
    rows = batch.target.shape[1]
    return [_rows_of(batch, split_rows(rows, index, count)) for index in range(count)] if count > 1 else [batch]


def _rows_of(batch: Batch, rows: slice) -> Batch:
    inputs = {each.name: getattr(batch.inputs, each.name)[:, rows] for each in fields(StepInputs)}  # (T, rows, …)
    conditions = Conditions(**{each.name: getattr(batch.conditions, each.name)[rows] for each in fields(Conditions)})
    target = batch.target[:, rows]
    notes = int((target[..., 0] >= 0).sum())
    return Batch(StepInputs(**inputs), conditions, target, batch.resets[rows], notes)


def collate(segments: list[tuple[Example, int]], steps: int, resets: Tensor) -> Batch:
    """``steps`` steps from each (example, first step), padded at the end of a piece."""
    columns = {}
    for name in _STEPPED:
        parts = [getattr(example, name)[at : at + steps] for example, at in segments]
        padding = IGNORED if name == "target" else 0
        column = np.stack([padded(part, steps, padding) for part in parts], axis=1)  # (T, B, …)
        columns[name] = column.astype(np.int64) if column.dtype.kind == "i" else column
    for name, bar in (("activity", "bar"), ("activity_after", "bar_after")):
        rows = [example.activity[getattr(example, bar)[at : at + steps]] for example, at in segments]
        columns[name] = np.stack([padded(part, steps) for part in rows], axis=1)  # (T, B, V_part)
    target = torch.from_numpy(columns["target"])  # (T, B, 5)
    columns["target"] = np.maximum(columns["target"], 0)
    inputs = StepInputs(**{name: torch.from_numpy(column) for name, column in columns.items()})
    conditions = Conditions(
        **{
            each.name: torch.from_numpy(np.stack([getattr(example, each.name) for example, _ in segments]))
            for each in fields(Conditions)
        }
    )
    return Batch(inputs, conditions, target, resets, int((target[..., 0] >= 0).sum()))
