"""Truncated back-propagation through time over whole pieces: which piece stands where in each row of the batch.

A batch row runs through one piece from its first step to its last, then through the next one. The stream is a function
of its seed and is restored from a few integers. Only the pieces being played are in memory. With several processes each
one follows all rows and loads the examples of its own rows only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

DrawT = TypeVar("DrawT")
ExampleT = TypeVar("ExampleT")


@dataclass(slots=True)
class _Row(Generic[DrawT, ExampleT]):
    piece: int
    draw: DrawT
    at: int
    length: int
    example: ExampleT | None
    """``None`` in another process's row."""


class PieceStream(ABC, Generic[DrawT, ExampleT]):
    """Rows of a batch over pieces that are numbered from 0. ``own``: rows whose examples are loaded (default: all)."""

    def __init__(self, seed: int, batch_size: int, steps: int, own: slice | None = None) -> None:
        self._own = range(batch_size)[own or slice(None)]
        self._steps = steps
        self._rng = np.random.default_rng(seed)
        self._order: list[int] = []
        self._rows: list[_Row[DrawT, ExampleT] | None] = [None] * batch_size

    def _segments(self) -> tuple[list[tuple[ExampleT, int]], Tensor]:
        """(example, first step) of each own row, and a mask (B,) of own rows that start a piece; moves on."""
        resets = []
        for index, row in enumerate(self._rows):
            starts = row is None or row.at >= row.length
            if starts:
                self._rows[index] = self._start(index)
            resets.append(starts)
        rows = [row for row in self._rows if row is not None]
        segments = [(row.example, row.at) for row in rows if row.example is not None]
        for row in rows:
            row.at += self._steps
        return segments, torch.tensor([resets[index] for index in self._own])

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs, JSON-ready."""
        rows = [[row.piece, row.at, self._draw_to_json(row.draw)] for row in self._rows if row is not None]
        return {"rng": self._rng.bit_generator.state, "order": self._order, "rows": rows}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue exactly where ``state`` was taken."""
        self._rng.bit_generator.state = state["rng"]
        self._order = list(state["order"])
        for index, (piece, at, draw) in enumerate(state["rows"]):
            self._rows[index] = self._row(index, piece, self._draw_from_json(draw), at)

    def _start(self, index: int) -> _Row[DrawT, ExampleT]:
        if not self._order:
            self._order = self._draw_order()
        piece = self._order.pop()
        return self._row(index, piece, self._draw(piece), 0)

    def _row(self, index: int, piece: int, draw: DrawT, at: int) -> _Row[DrawT, ExampleT]:
        length, example = self._load(piece, draw, own=index in self._own)
        return _Row(piece, draw, at, length, example)

    @abstractmethod
    def _draw_order(self) -> list[int]:
        """The pieces of the next pass, in order of use from the last to the first."""

    @abstractmethod
    def _draw(self, piece: int) -> DrawT:
        """A random augmentation of ``piece``."""

    @abstractmethod
    def _load(self, piece: int, draw: DrawT, *, own: bool) -> tuple[int, ExampleT | None]:
        """Number of steps of an augmented piece, and its example if it is ``own``."""

    @abstractmethod
    def _draw_to_json(self, draw: DrawT) -> Any:
        """``draw``, JSON-ready."""

    @abstractmethod
    def _draw_from_json(self, value: Any) -> DrawT:
        """The inverse of ``_draw_to_json``."""


def padded(part: np.ndarray[Any, Any], steps: int, padding: int = 0) -> np.ndarray[Any, Any]:
    """``part`` (≤ T, …) filled up with ``padding`` to (T, …)."""
    width = [(0, steps - len(part))] + [(0, 0)] * (part.ndim - 1)
    return np.pad(part, width, constant_values=padding)
