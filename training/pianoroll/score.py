"""Score of the piano-roll benchmark: exact joint nats a frame over whole pieces.

Protocol: the first frame of a piece is not scored; a frame is all 88 keys; the average is over frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from training.pianoroll.data import Roll
from training.pianoroll.features import Piece, RollExample, collate, make_example
from training.pianoroll.network import RollNetwork, State

_BATCH_SIZE = 16
_STEPS = 64
_RESAMPLES = 2000

OnPieces = Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Summed nats and scored frames of each piece, (N,) each."""

    nats: np.ndarray[tuple[int], np.dtype[np.float64]]
    frames: np.ndarray[tuple[int], np.dtype[np.int64]]

    @property
    def nll(self) -> float:
        """Nats a frame."""
        return float(self.nats.sum() / max(self.frames.sum(), 1))

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval of ``nll`` over pieces: frames of a piece are not independent."""
        drawn = np.random.default_rng(seed).integers(0, len(self.nats), (_RESAMPLES, len(self.nats)))
        means = self.nats[drawn].sum(1) / np.maximum(self.frames[drawn].sum(1), 1)
        low, high = np.quantile(means, (0.025, 0.975))
        return float(low), float(high)


def score_rolls(network: RollNetwork, rolls: Sequence[Roll], on_pieces: OnPieces | None = None) -> Score:
    """``score_pieces`` of rolls (T, 88); ``on_pieces`` is called with the number of pieces just scored."""
    return score_pieces(network, [Piece.of(roll) for roll in rolls], on_pieces)


@torch.no_grad()
def score_pieces(network: RollNetwork, pieces: Sequence[Piece], on_pieces: OnPieces | None = None) -> Score:
    """Score every piece from its first frame to its last, in full precision."""
    was_training = network.training
    network.eval()
    nats = np.zeros(len(pieces))
    order = sorted(range(len(pieces)), key=lambda index: pieces[index].steps)
    for first in range(0, len(order), _BATCH_SIZE):
        group = order[first : first + _BATCH_SIZE]
        nats[group] = _piece_nats(network, [make_example(pieces[index], network.shape) for index in group])
        if on_pieces:
            on_pieces(len(group))
    network.train(was_training)
    return Score(nats, np.array([piece.steps for piece in pieces], dtype=np.int64))


def _piece_nats(network: RollNetwork, examples: list[RollExample]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    device = next(network.parameters()).device
    total = torch.zeros(len(examples), dtype=torch.float64, device=device)
    state: State | None = None
    for at in range(0, max(map(len, examples)), _STEPS):
        nats, state = network(collate([(piece, at) for piece in examples], _STEPS).to(device), state)
        total += nats.double().sum(0)
    return total.cpu().numpy()
