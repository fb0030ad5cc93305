"""Running training figures: nats a note by genre and field, exponentially decayed over updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from composer.model.config import CONDITIONS
from midi_data.events.encoding import FIELDS

_DECAY = 0.98


def sums_by_genre(losses: Mapping[str, Tensor], target: Tensor, labels: Tensor, genres: int) -> Tensor:
    """(G, 5 + 1): summed nats of each field and the number of steps that are not padding, by genre, of one batch.

    ``losses``: (T, B) nats of each field. ``target`` (T, B, 5). ``labels`` (B, C): classes of
    ``composer.model.config.CONDITIONS``.
    """
    notes = (target[..., 0] >= 0).sum(0)  # (B,)
    rows = torch.stack([*(losses[name].detach().sum(0) for name in FIELDS), notes], dim=-1).double().cpu()  # (B, 6)
    return rows.new_zeros(genres, rows.shape[1]).index_add_(0, labels[:, CONDITIONS.index("genre")].cpu(), rows)


class RunningNll:
    """Decayed sums of ``sums_by_genre``."""

    def __init__(self, genres: Sequence[str]) -> None:
        self._genres = genres
        self._sums = torch.zeros(len(genres), len(FIELDS) + 1, dtype=torch.float64)

    def add(self, sums: Tensor) -> None:
        """Add the sums (G, 5 + 1) of one update."""
        self._sums = _DECAY * self._sums + sums

    def figures(self) -> dict[str, dict[str, float]]:
        """Nats a note of each genre that has been trained on: ``nll`` and each field."""
        figures = {}
        for genre, (*sums, notes) in zip(self._genres, self._sums.tolist(), strict=True):
            if notes:
                fields = {name: nats / notes for name, nats in zip(FIELDS, sums, strict=True)}
                figures[genre] = {"nll": sum(fields.values()), **fields}
        return figures

    def state(self) -> list[list[float]]:
        """The sums, JSON-ready."""
        return [[float(value) for value in row] for row in self._sums]

    def restore(self, state: list[list[float]]) -> None:
        """Continue from ``state``."""
        self._sums = torch.tensor(state, dtype=torch.float64)
