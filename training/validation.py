"""Exact validation: nll of held-out pieces by genre and field, in nats a note."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from composer.model.network import Network, field_nll
from midi_data.events.encoding import FIELDS
from training.config import Precision
from training.data.batches import collate
from training.data.examples import Example, Names, Variation, make_example
from training.data.pieces import CorpusPieces
from training.devices import autocast
from training.recurrent_state import State

_BATCH_SIZE = 48
_STEPS = 256
_STRIDE = 7


@dataclass(slots=True)
class FieldSums:
    """Summed nats of each field over ``notes``. Time shifts and the end of the piece add to the sums, not to notes."""

    notes: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0.0))

    def per_note(self) -> dict[str, float]:
        """Nats a note: ``nll`` in total, and each field."""
        fields = {name: value / max(self.notes, 1) for name, value in self.sums.items()}
        return {"nll": sum(fields.values()), **fields}


def mean_over_genres(figures: Mapping[str, Mapping[str, float]]) -> float:
    """Mean ``nll`` of the genres, each with the same weight."""
    return sum(each["nll"] for each in figures.values()) / max(len(figures), 1)


def select_pieces(pieces: CorpusPieces, notes_a_genre: int) -> CorpusPieces:
    """Pieces of each genre until ``notes_a_genre`` notes are reached (0: all pieces)."""
    if not notes_a_genre:
        return pieces
    taken: dict[str, int] = defaultdict(int)
    selected = []
    # Every seventh piece first: neighbours in an archive come from one source.
    for shard, piece in [pieces[i] for start in range(_STRIDE) for i in range(start, len(pieces), _STRIDE)]:
        if taken[piece.genre] < notes_a_genre:
            taken[piece.genre] += piece.count
            selected.append((shard, piece))
    return selected


@torch.no_grad()
def nll_by_genre(
    network: Network,
    pieces: CorpusPieces,
    names: Names,
    device: torch.device,
    precision: Precision = "auto",
    unconditioned: tuple[str, ...] | None = None,
) -> dict[str, FieldSums]:
    """Sums by genre over whole pieces, conditioned on genre, band, tempo and meters only.

    ``unconditioned``: the conditions to leave out instead, as in ``Variation.dropped``.
    """
    variation = Variation() if unconditioned is None else Variation(dropped=unconditioned)
    was_training = network.training
    network.eval()
    sums: dict[str, FieldSums] = defaultdict(FieldSums)
    ordered = sorted(pieces, key=lambda pair: pair[1].count)
    for first in range(0, len(ordered), _BATCH_SIZE):
        group = ordered[first : first + _BATCH_SIZE]
        examples = [make_example(piece, shard.events(piece), names, variation) for shard, piece in group]
        for (_, piece), losses in zip(group, _piece_sums(network, examples, device, precision), strict=True):
            sums[piece.genre].notes += piece.count
            for name, value in zip(FIELDS, losses, strict=True):
                sums[piece.genre].sums[name] += value
    network.train(was_training)
    return dict(sums)


def _piece_sums(
    network: Network, examples: list[Example], device: torch.device, precision: Precision
) -> list[list[float]]:
    """Summed nats of each field of each example, (B, 5)."""
    total = torch.zeros(len(examples), len(FIELDS), device=device, dtype=torch.float64)  # (B, 5)
    state: State | None = None
    for at in range(0, max(map(len, examples)), _STEPS):
        resets = torch.full((len(examples),), at == 0)
        batch = collate([(example, at) for example in examples], _STEPS, resets)
        with autocast(device, precision):
            logits, state = network(batch.inputs.to(device), batch.conditions.to(device), state)
        losses = field_nll(logits, batch.target.to(device))
        total += torch.stack([losses[name].sum(0) for name in FIELDS], dim=-1).double()
    return [[float(value) for value in row] for row in total.cpu()]
