"""Parallel lanes of whole pieces, cut into segments: truncated back-propagation with carried state.

A lane plays one piece from its first step to its last; only the last segment of a piece is padded (about 1 %).
The stream is a pure function of its seed and resumes from a few integers (``state``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from composer.network import Conditions, StepInputs
from midi_data.pieces import Piece, Shard
from training.pieces import LanePiece, Names, Variation, draw_variation, lane_piece
from training.recipe import Recipe

IGNORED = -100
_STEPPED = ("previous", "clock", "position_after", "next", "part", "note", "matched", "target")

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
    data: LanePiece


class LaneStream:
    """An endless, seeded stream of training segments."""

    def __init__(self, held: list[Held], names: Names, recipe: Recipe) -> None:
        self._held, self._names, self._recipe = held, names, recipe
        self._rng = np.random.default_rng(recipe.seed)
        self._order: list[int] = []
        self._lanes: list[_Lane | None] = [None] * recipe.lanes

    def next(self) -> Segment:
        """The next segment of every lane."""
        fresh = []
        for index, lane in enumerate(self._lanes):
            begins = lane is None or lane.at >= len(lane.data)
            if begins:
                self._lanes[index] = self._begin()
            fresh.append(begins)
        lanes = [lane for lane in self._lanes if lane is not None]
        segment = cut([(lane.data, lane.at) for lane in lanes], self._recipe.steps, fresh)
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
            self._lanes[index] = _Lane(piece, variation, at, self._lay_out(piece, variation))

    def _begin(self) -> _Lane:
        if not self._order:
            self._order = self._draw_order()
        piece = self._order.pop()
        shard, facts = self._held[piece]
        variation = draw_variation(self._rng, shard.events(facts), self._recipe.augmentation)
        return _Lane(piece, variation, 0, self._lay_out(piece, variation))

    def _lay_out(self, piece: int, variation: Variation) -> LanePiece:
        shard, facts = self._held[piece]
        return lane_piece(facts, shard.events(facts), self._names, variation)

    def _draw_order(self) -> list[int]:
        """Every piece as often as its genre's weight says; the broken part of a weight by chance."""
        weights = np.array([self._recipe.genre_weights.get(piece.genre, 1.0) for _, piece in self._held])
        times = np.floor(weights + self._rng.random(len(weights))).astype(int)
        order: list[int] = self._rng.permutation(np.repeat(np.arange(len(weights)), times)).tolist()
        return order or self._rng.permutation(len(weights)).tolist()


def cut(pieces: list[tuple[LanePiece, int]], steps: int, fresh: list[bool]) -> Segment:
    """``steps`` steps from each (piece, first step), padded where a piece ends."""
    columns = {}
    for name in _STEPPED:
        whole = [getattr(piece, name)[at : at + steps] for piece, at in pieces]
        padding = IGNORED if name == "target" else 0
        columns[name] = np.stack([_padded(part, steps, padding) for part in whole], axis=1)
    for name, bar in (("levels", "bar"), ("levels_after", "bar_after")):
        rows = [piece.levels[getattr(piece, bar)[at : at + steps]] for piece, at in pieces]
        columns[name] = np.stack([_padded(part, steps, 0) for part in rows], axis=1)
    target = torch.from_numpy(columns["target"])
    columns["target"] = np.maximum(columns["target"], 0)
    inputs = StepInputs(**{name: torch.from_numpy(column) for name, column in columns.items()})
    conditions = Conditions(
        torch.from_numpy(np.stack([piece.labels for piece, _ in pieces])),
        torch.from_numpy(np.stack([piece.band for piece, _ in pieces])),
    )
    return Segment(inputs, conditions, target, torch.tensor(fresh), int((target[..., 0] >= 0).sum()))


def _padded(part: np.ndarray[Any, Any], steps: int, padding: int) -> np.ndarray[Any, Any]:
    if len(part) == steps:
        return part
    width = [(0, steps - len(part))] + [(0, 0)] * (part.ndim - 1)
    return np.pad(part, width, constant_values=padding)
