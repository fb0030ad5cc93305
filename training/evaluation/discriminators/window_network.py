"""A small convolutional network that classifies windows of events as real or composed.

It sees the five fields of each event, and neither statistics nor the whole form. Shape letters: B windows, T events.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  its usual name
from numpy.typing import NDArray
from torch import Tensor, nn

from midi_data.events.encoding import DRUM_PITCH, FIELDS, MAX_SHIFT, VOCABULARY, EventSequence
from training.evaluation.discriminators.folds import Classifier

WINDOW = 128
"""Events in a window."""
HOP = 96
EPOCHS = 12
BATCH = 32
TRANSPOSE = 5
"""Largest transposition in semitones of a training window; drums are not transposed."""
WINDOWS_A_PIECE = 12


class WindowNetwork(nn.Module):
    """Embedded fields (B, T, 5) → two convolutions, mean and maximum over time → one logit (B,); above 0: composed."""

    def __init__(self, width: int = 12, hidden: int = 48) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(VOCABULARY[field], width) for field in FIELDS)
        self.near = nn.Conv1d(width * len(FIELDS), hidden, 5, padding=2)
        self.far = nn.Conv1d(hidden, hidden, 9, padding=12, dilation=3)
        self.out = nn.Linear(2 * hidden, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """``windows`` (B, T, 5) classes → (B,) logits."""
        x = torch.cat([table(windows[..., i]) for i, table in enumerate(self.tables)], dim=-1)
        x = F.dropout(x, 0.2, self.training).transpose(1, 2)
        x = F.gelu(self.far(F.gelu(self.near(x))))
        pooled = torch.cat([x.mean(-1), x.amax(-1)], dim=-1)
        logits: Tensor = self.out(F.dropout(pooled, 0.3, self.training)).squeeze(-1)
        return logits


def windows_of(events: EventSequence) -> Tensor:
    """(windows, ``WINDOW``, 5) classes, hops of ``HOP``; a piece shorter than a window is repeated."""
    time_shift = np.minimum(np.diff(events.onset, prepend=events.onset[:1]), MAX_SHIFT)
    rows = np.column_stack([time_shift, events.part, events.pitch, events.duration, events.velocity])
    rows = np.resize(rows, (max(len(rows), WINDOW), len(FIELDS)))
    starts = range(0, len(rows) - WINDOW + 1, HOP)
    return torch.from_numpy(np.stack([rows[start : start + WINDOW] for start in starts][:WINDOWS_A_PIECE]))


def network_classifier(pieces: Sequence[EventSequence], classes: NDArray[np.bool_], seed: int) -> Classifier:
    """A classifier for ``folds.cross_validate``: a piece's logit is the mean over its windows."""
    windows = [windows_of(piece) for piece in pieces]

    def classifier(train: NDArray[np.int64], test: NDArray[np.int64]) -> NDArray[np.float64]:
        inputs = torch.cat([windows[i] for i in train])  # (B, T, 5)
        target = torch.cat([torch.full((len(windows[i]),), float(classes[i])) for i in train])  # (B,)
        network = _trained(inputs, target, seed)
        with torch.no_grad():
            return np.array([float(torch.sigmoid(network(windows[i]).mean())) for i in test])

    return classifier


def _trained(windows: Tensor, target: Tensor, seed: int) -> WindowNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = WindowNetwork()
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
        # Both classes have the same weight, whatever their number of windows.
        weight = torch.where(target > 0, 0.5 / target.mean(), 0.5 / (1 - target).mean())
        for _ in range(EPOCHS):
            for batch in torch.split(torch.randperm(len(windows)), BATCH):
                logits = network(_transposed(windows[batch]))
                loss = F.binary_cross_entropy_with_logits(logits, target[batch], weight[batch])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    return network.eval()


def _transposed(windows: Tensor) -> Tensor:
    pitch = windows[..., 2]
    up = torch.randint(-TRANSPOSE, TRANSPOSE + 1, (len(windows), 1))
    moved = torch.where(pitch < DRUM_PITCH, (pitch + up).clamp(0, DRUM_PITCH - 1), pitch)
    return torch.cat([windows[..., :2], moved[..., None], windows[..., 3:]], dim=-1)
