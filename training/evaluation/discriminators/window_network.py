"""A small convolutional network that hears windows of events and says whether a piece is ours. An opponent, no more.

Sees the five fields of each event as the composer does; deliberately sees no statistics and no whole form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  its usual name
from numpy.typing import NDArray
from torch import Tensor, nn

from midi_data.events.encoding import DRUM_PITCH, FIELDS, MAX_SHIFT, VOCABULARY, EventSequence
from training.evaluation.discriminators.folds import Judge

WINDOW = 128
"""Events in a window."""
HOP = 96
EPOCHS = 12
BATCH = 32
TRANSPOSE = 5
"""Windows are transposed by up to so many semitones while learning, drums left as they are."""
WINDOWS_A_PIECE = 12


class WindowNetwork(nn.Module):
    """Embedded fields (B, T, 5) → two convolutions, mean and maximum over time → one logit (B,): above 0, ours."""

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
    """(windows, ``WINDOW``, 5) classes, hops of ``HOP``; a piece shorter than a window goes round again."""
    advance = np.minimum(np.diff(events.onset, prepend=events.onset[:1]), MAX_SHIFT)
    rows = np.column_stack([advance, events.part, events.pitch, events.duration, events.velocity])
    rows = np.resize(rows, (max(len(rows), WINDOW), len(FIELDS)))
    starts = range(0, len(rows) - WINDOW + 1, HOP)
    return torch.from_numpy(np.stack([rows[start : start + WINDOW] for start in starts][:WINDOWS_A_PIECE]))


def network_judge(pieces: Sequence[EventSequence], classes: NDArray[np.bool_], seed: int) -> Judge:
    """A judge for ``folds.cross_validate``: a piece's answer is the mean over its windows."""
    windows = [windows_of(piece) for piece in pieces]

    def judge(known: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
        taught = torch.cat([windows[i] for i in known])
        wanted = torch.cat([torch.full((len(windows[i]),), float(classes[i])) for i in known])
        network = _taught(taught, wanted, seed)
        with torch.no_grad():
            return np.array([float(torch.sigmoid(network(windows[i]).mean())) for i in asked])

    return judge


def _taught(windows: Tensor, wanted: Tensor, seed: int) -> WindowNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = WindowNetwork()
        optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
        # Each class weighs the same, however many windows it has.
        weight = torch.where(wanted > 0, 0.5 / wanted.mean(), 0.5 / (1 - wanted).mean())
        for _ in range(EPOCHS):
            for batch in torch.split(torch.randperm(len(windows)), BATCH):
                logits = network(_transposed(windows[batch]))
                loss = F.binary_cross_entropy_with_logits(logits, wanted[batch], weight[batch])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    return network.eval()


def _transposed(windows: Tensor) -> Tensor:
    pitch = windows[..., 2]
    up = torch.randint(-TRANSPOSE, TRANSPOSE + 1, (len(windows), 1))
    moved = torch.where(pitch < DRUM_PITCH, (pitch + up).clamp(0, DRUM_PITCH - 1), pitch)
    return torch.cat([windows[..., :2], moved[..., None], windows[..., 3:]], dim=-1)
