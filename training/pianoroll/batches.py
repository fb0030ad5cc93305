"""Batches of piano rolls: segments of whole pieces, each transposed at random when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from training.data.piece_stream import PieceStream
from training.pianoroll.config import RollTrainingConfig
from training.pianoroll.data import LOWEST
from training.pianoroll.features import Piece, RollExample, Steps, collate, make_example
from training.pianoroll.model_config import RollShape

RollBatch = tuple[Steps, Tensor]
"""Steps (T, B, …), and a mask (B,) of rows that start a piece."""


class RollBatchStream(PieceStream[int, RollExample]):
    """An endless, seeded stream of batches. A piece's augmentation is a number of semitones."""

    def __init__(self, pieces: Sequence[Piece], shape: RollShape, config: RollTrainingConfig) -> None:
        super().__init__(config.seed, config.batch_size, config.steps)
        self._pieces = [piece for piece in pieces if piece.steps]
        self._shape, self._transpose = shape, config.transpose_semitones

    def next(self) -> RollBatch:
        """The next segment of every row."""
        segments, resets = self._segments()
        return collate(segments, self._steps), resets

    def _draw_order(self) -> list[int]:
        order: list[int] = self._rng.permutation(len(self._pieces)).tolist()
        return order

    def _draw(self, piece: int) -> int:
        """Semitones up: at most the configured ones, and within the keys that the network models."""
        used = np.flatnonzero(self._pieces[piece].roll.any(0)) + LOWEST
        low, high = self._shape.low, self._shape.high
        if not len(used) or used[0] < low or used[-1] > high:
            return 0
        down, up = min(self._transpose, int(used[0]) - low), min(self._transpose, high - int(used[-1]))
        return int(self._rng.integers(-down, up + 1))

    def _load(self, piece: int, draw: int, *, own: bool) -> tuple[int, RollExample | None]:
        example = make_example(self._pieces[piece], self._shape, semitones=draw)
        return len(example), example if own else None

    def _draw_to_json(self, draw: int) -> int:
        return draw

    def _draw_from_json(self, value: Any) -> int:
        return int(value)
