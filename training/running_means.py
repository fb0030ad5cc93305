"""The running training figures: nats a note by genre and field, older updates counting ever less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from composer.model.config import CONDITIONS
from midi_data.events.encoding import FIELDS

_DECAY = 0.98


def sums_by_genre(losses: Mapping[str, Tensor], target: Tensor, labels: Tensor, genres: int) -> Tensor:
    """(``genres``, 5 + 1): of one segment each genre's summed nll a field, and its steps that are no padding.

    ``losses`` (T, B) a field; ``target`` (T, B, 5); ``labels`` (B, C), classes of ``shapes.CONDITIONS``.
    """
    there = (target[..., 0] >= 0).sum(0)
    lanes = torch.stack([*(losses[name].detach().sum(0) for name in FIELDS), there], dim=-1).double().cpu()
    return lanes.new_zeros(genres, lanes.shape[1]).index_add_(0, labels[:, CONDITIONS.index("genre")].cpu(), lanes)


class RunningNll:
    """Decayed sums of what ``sums_by_genre`` gives."""

    def __init__(self, genres: Sequence[str]) -> None:
        self._genres = genres
        self._sums = torch.zeros(len(genres), len(FIELDS) + 1, dtype=torch.float64)

    def take(self, sums: Tensor) -> None:
        """One update more."""
        self._sums = _DECAY * self._sums + sums

    def figures(self) -> dict[str, dict[str, float]]:
        """Of each genre that came up: ``nll`` in nats a note, and each field's share."""
        told = {}
        for genre, (*sums, notes) in zip(self._genres, self._sums.tolist(), strict=True):
            if notes:
                shares = {name: nats / notes for name, nats in zip(FIELDS, sums, strict=True)}
                told[genre] = {"nll": sum(shares.values()), **shares}
        return told

    def state(self) -> list[list[float]]:
        """What ``restore`` takes, JSON-ready."""
        return [[float(value) for value in row] for row in self._sums]

    def restore(self, state: list[list[float]] | None) -> None:
        """Go on from ``state``; from nothing where a snapshot has none."""
        if state:
            self._sums = torch.tensor(state, dtype=torch.float64)
