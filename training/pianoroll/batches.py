"""Parallel lanes of whole pieces, each moved by a few semitones anew, cut into segments. A function of its seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from training.pianoroll.config import RollRecipe
from training.pianoroll.data import LOWEST
from training.pianoroll.features import Laid, Piece, Steps, cut, lay_out
from training.pianoroll.model_config import RollShape


@dataclass(slots=True)
class _Lane:
    piece: int
    semitones: int
    at: int
    laid: Laid


class RollLanes:
    """An endless, seeded stream of (steps, which lanes begin a new piece)."""

    def __init__(self, pieces: Sequence[Piece], shape: RollShape, recipe: RollRecipe) -> None:
        self._pieces = [piece for piece in pieces if piece.steps]
        self._shape, self._recipe = shape, recipe
        self._rng = np.random.default_rng(recipe.seed)
        self._order: list[int] = []
        self._lanes: list[_Lane | None] = [None] * recipe.lanes

    def next(self) -> tuple[Steps, torch.Tensor]:
        """The next segment of every lane, and a mask (B,) of lanes that begin a piece."""
        fresh = [lane is None or lane.at >= len(lane.laid) for lane in self._lanes]
        lanes = [
            self._begin() if lane is None or begins else lane for lane, begins in zip(self._lanes, fresh, strict=True)
        ]
        self._lanes = list(lanes)
        steps = cut([(lane.laid, lane.at) for lane in lanes], self._recipe.steps)
        for lane in lanes:
            lane.at += self._recipe.steps
        return steps, torch.tensor(fresh)

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs, JSON-ready."""
        lanes = [[lane.piece, lane.semitones, lane.at] for lane in self._lanes if lane is not None]
        return {"rng": self._rng.bit_generator.state, "order": self._order, "lanes": lanes}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where ``state`` was taken."""
        self._rng.bit_generator.state = state["rng"]
        self._order = list(state["order"])
        for index, (piece, semitones, at) in enumerate(state["lanes"]):
            self._lanes[index] = _Lane(piece, semitones, at, self._lay_out(piece, semitones))

    def _begin(self) -> _Lane:
        if not self._order:
            self._order = self._rng.permutation(len(self._pieces)).tolist()
        piece = self._order.pop()
        semitones = self._draw_semitones(self._pieces[piece])
        return _Lane(piece, semitones, 0, self._lay_out(piece, semitones))

    def _lay_out(self, piece: int, semitones: int) -> Laid:
        return lay_out(self._pieces[piece], self._shape, semitones=semitones)

    def _draw_semitones(self, piece: Piece) -> int:
        """At most the recipe's, and so that every key stays among those that the network follows."""
        most = self._recipe.transpose_semitones
        used = np.flatnonzero(piece.roll.any(0)) + LOWEST
        if not len(used) or used[0] < self._shape.low or used[-1] > self._shape.high:
            return 0
        down, up = min(most, int(used[0]) - self._shape.low), min(most, self._shape.high - int(used[-1]))
        return int(self._rng.integers(-down, up + 1))
