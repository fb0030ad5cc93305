"""Parallel lanes of whole pieces, cut into segments: truncated back-propagation with carried state.

A lane plays one piece from its first step to its last; only the last segment of a piece is padded (about 1 %).
The stream is a pure function of its seed and resumes from a few integers (``state``). What is in memory are the pieces
that are being played, as small as can be; of a corpus on disk no more than that. Where several processes train, each
follows which piece begins in which lane, and lays out its own lanes only: together they play what one would.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from composer.model.network import Conditions, StepInputs
from midi_data.corpus.dataset import Piece, Shard
from midi_data.events.features import step_count
from training.config import Recipe
from training.data.examples import LanePiece, Names, Variation, draw_variation, lane_piece
from training.distributed import share

IGNORED = -100
_STEPPED = ("previous", "clock", "position_after", "next", "part", "note", "matched", "slots", "target")

Held = tuple[Shard, Piece]


@dataclass(frozen=True, slots=True)
class Segment:
    """``steps`` steps of all lanes. ``target`` (T, B, 5) has −100 where a lane is padded; ``fresh`` (B,): new piece."""

    inputs: StepInputs
    conditions: Conditions
    target: torch.Tensor
    fresh: torch.Tensor
    notes: int


@dataclass(slots=True)
class _Lane:
    piece: int
    variation: Variation
    at: int
    length: int
    data: LanePiece | None
    """``None`` in another process's lane."""


class LaneStream:
    """An endless, seeded stream of training segments of the ``own`` lanes (all, if left out)."""

    def __init__(self, held: list[Held], names: Names, recipe: Recipe, own: slice | None = None) -> None:
        self._held, self._names, self._recipe = held, names, recipe
        self._own = range(recipe.lanes)[own or slice(None)]
        self._rng = np.random.default_rng(recipe.seed)
        self._order: list[int] = []
        self._lanes: list[_Lane | None] = [None] * recipe.lanes

    def next(self) -> Segment:
        """The next segment of every own lane."""
        fresh = []
        for index, lane in enumerate(self._lanes):
            begins = lane is None or lane.at >= lane.length
            if begins:
                self._lanes[index] = self._begin(index)
            fresh.append(begins)
        lanes = [lane for lane in self._lanes if lane is not None]
        laid = [(lane.data, lane.at) for lane in lanes if lane.data is not None]
        segment = cut(laid, self._recipe.steps, [fresh[index] for index in self._own])
        for lane in lanes:
            lane.at += self._recipe.steps
        return segment

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs, JSON-ready."""
        return {
            "rng": self._rng.bit_generator.state,
            "order": self._order,
            "lanes": [
                [
                    lane.piece,
                    lane.at,
                    lane.variation.semitones,
                    lane.variation.velocity,
                    lane.variation.tempo,
                    list(lane.variation.untold),
                    lane.variation.hiding_seed,
                    lane.variation.untold_parts,
                ]
                for lane in self._lanes
                if lane is not None
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where ``state`` was taken."""
        self._rng.bit_generator.state = state["rng"]
        self._order = list(state["order"])
        for index, (piece, at, semitones, velocity, tempo, untold, *rest) in enumerate(state["lanes"]):
            variation = Variation(semitones, velocity, tempo, tuple(untold), *rest)
            self._lanes[index] = self._lane(index, piece, variation, at)

    def _begin(self, index: int) -> _Lane:
        if not self._order:
            self._order = self._draw_order()
        piece = self._order.pop()
        shard, facts = self._held[piece]
        variation = draw_variation(self._rng, shard.events(facts), self._recipe.augmentation)
        return self._lane(index, piece, variation, 0)

    def _lane(self, index: int, piece: int, variation: Variation, at: int) -> _Lane:
        shard, facts = self._held[piece]
        events = shard.events(facts)
        laid = compact(lane_piece(facts, events, self._names, variation)) if index in self._own else None
        return _Lane(piece, variation, at, step_count(events), laid)

    def _draw_order(self) -> list[int]:
        """Every piece as often as its genre's weight says; the broken part of a weight by chance."""
        weights = np.array([self._recipe.genre_weights.get(piece.genre, 1.0) for _, piece in self._held])
        times = np.floor(weights + self._rng.random(len(weights))).astype(int)
        order: list[int] = self._rng.permutation(np.repeat(np.arange(len(weights)), times)).tolist()
        return order or self._rng.permutation(len(weights)).tolist()


def compact(piece: LanePiece) -> LanePiece:
    """The same classes in a third of the memory: none is beyond 16 bits, and bars' numbers fit in 32."""
    small = {}
    for name in (*_STEPPED, "bar", "bar_after"):
        column = getattr(piece, name)
        if column.dtype.kind == "i":
            small[name] = column.astype(np.int32 if name.startswith("bar") else np.int16)
    return replace(piece, **small)


def split(segment: Segment, count: int) -> list[Segment]:
    """``segment`` as ``count`` shares of its lanes."""
    lanes = segment.target.shape[1]
    return [_of_lanes(segment, share(lanes, index, count)) for index in range(count)] if count > 1 else [segment]


def _of_lanes(segment: Segment, lanes: slice) -> Segment:
    inputs = {each.name: getattr(segment.inputs, each.name)[:, lanes] for each in fields(StepInputs)}
    conditions = Conditions(**{each.name: getattr(segment.conditions, each.name)[lanes] for each in fields(Conditions)})
    target = segment.target[:, lanes]
    notes = int((target[..., 0] >= 0).sum())
    return Segment(StepInputs(**inputs), conditions, target, segment.fresh[lanes], notes)


def cut(pieces: list[tuple[LanePiece, int]], steps: int, fresh: list[bool]) -> Segment:
    """``steps`` steps from each (piece, first step), padded where a piece ends."""
    columns = {}
    for name in _STEPPED:
        whole = [getattr(piece, name)[at : at + steps] for piece, at in pieces]
        padding = IGNORED if name == "target" else 0
        column = np.stack([_padded(part, steps, padding) for part in whole], axis=1)
        columns[name] = column.astype(np.int64) if column.dtype.kind == "i" else column
    for name, bar in (("activity", "bar"), ("activity_after", "bar_after")):
        rows = [piece.activity[getattr(piece, bar)[at : at + steps]] for piece, at in pieces]
        columns[name] = np.stack([_padded(part, steps, 0) for part in rows], axis=1)
    target = torch.from_numpy(columns["target"])
    columns["target"] = np.maximum(columns["target"], 0)
    inputs = StepInputs(**{name: torch.from_numpy(column) for name, column in columns.items()})
    conditions = Conditions(
        **{
            each.name: torch.from_numpy(np.stack([getattr(piece, each.name) for piece, _ in pieces]))
            for each in fields(Conditions)
        }
    )
    return Segment(inputs, conditions, target, torch.tensor(fresh), int((target[..., 0] >= 0).sum()))


def _padded(part: np.ndarray[Any, Any], steps: int, padding: int) -> np.ndarray[Any, Any]:
    if len(part) == steps:
        return part
    width = [(0, steps - len(part))] + [(0, 0)] * (part.ndim - 1)
    return np.pad(part, width, constant_values=padding)
