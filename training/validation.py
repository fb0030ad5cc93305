"""Exact nll of held-out pieces, per genre and field, in nats a note."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import torch

from composer.model.network import Network, State, field_nll
from midi_data.corpus.dataset import Piece, Shard
from midi_data.events.encoding import FIELDS
from training.config import Precision
from training.data.batches import cut
from training.data.examples import LanePiece, Names, Variation, lane_piece
from training.devices import precision

_LANES = 48
_STEPS = 256


@dataclass(slots=True)
class FieldSums:
    """Summed nll of each field and the notes it is over. Waits and the end count towards the sums, not the notes."""

    notes: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0.0))

    def per_note(self) -> dict[str, float]:
        """Nats a note: ``nll`` in all, and each field's share."""
        shares = {name: value / max(self.notes, 1) for name, value in self.sums.items()}
        return {"nll": sum(shares.values()), **shares}


def choose(held: list[tuple[Shard, Piece]], notes_a_genre: int) -> list[tuple[Shard, Piece]]:
    """Pieces of each genre in order of their work's digest-like name until ``notes_a_genre`` are reached (0: all)."""
    if not notes_a_genre:
        return held
    taken: dict[str, int] = defaultdict(int)
    chosen = []
    # Every seventh piece first: neighbours in an archive come from one source.
    for shard, piece in [held[i] for start in range(7) for i in range(start, len(held), 7)]:
        if taken[piece.genre] < notes_a_genre:
            taken[piece.genre] += piece.count
            chosen.append((shard, piece))
    return chosen


@torch.no_grad()
def nll_by_genre(
    network: Network,
    held: list[tuple[Shard, Piece]],
    names: Names,
    device: torch.device,
    wanted: Precision = "auto",
) -> dict[str, FieldSums]:
    """Sums for each genre over whole pieces, each told its genre, band, tempo and meters only."""
    was_training = network.training
    network.eval()
    sums: dict[str, FieldSums] = defaultdict(FieldSums)
    ordered = sorted(held, key=lambda pair: pair[1].count)
    for first in range(0, len(ordered), _LANES):
        group = ordered[first : first + _LANES]
        pieces = [lane_piece(piece, shard.events(piece), names, Variation()) for shard, piece in group]
        for (_, piece), losses in zip(group, _piece_sums(network, pieces, device, wanted), strict=True):
            sums[piece.genre].notes += piece.count
            for name, value in zip(FIELDS, losses, strict=True):
                sums[piece.genre].sums[name] += value
    network.train(was_training)
    return dict(sums)


def _piece_sums(
    network: Network, pieces: list[LanePiece], device: torch.device, wanted: Precision
) -> list[list[float]]:
    total = torch.zeros(len(pieces), len(FIELDS), device=device, dtype=torch.float64)
    state: State | None = None
    for at in range(0, max(map(len, pieces)), _STEPS):
        segment = cut([(piece, at) for piece in pieces], _STEPS, [at == 0] * len(pieces))
        with precision(device, wanted):
            logits, state = network(segment.inputs.to(device), segment.conditions.to(device), state)
        losses = field_nll(logits, segment.target.to(device))
        total += torch.stack([losses[name].sum(0) for name in FIELDS], dim=-1).double()
    return [[float(value) for value in row] for row in total.cpu()]
