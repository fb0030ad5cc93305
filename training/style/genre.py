"""A genre that the style model learns from a few dozen pieces: a row of its own, all other weights unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from midi_data.corpus.dataset import Piece, Shard
from training.style.network import FEWEST_PIECES, StyleNetwork, load_weights
from training.style.pieces import StylePiece, batch_of, piece_of

EXCERPTS = 4
UPDATES = 200
BATCH = 16
LEARNING_RATE = 0.02
PULL = 0.5
"""Nats for each squared unit between the row and the nearest genre's, divided by the pieces."""

Weights = Mapping[str, NDArray[Any]]


def with_genre_row(style: Weights, like: int) -> dict[str, NDArray[Any]]:
    """``style`` with one more genre that is as row ``like`` of the checkpoint's genres; empty without a style model."""
    if not style:
        return {}
    grown = {name: np.concatenate([style[name], style[name][[1 + like]]]) for name in ("genre.weight", "genre_pieces")}
    return {**style, **grown}


def learn_genre(
    style: Weights, row: int, found: Iterable[tuple[Shard, Piece]], seed: int = 1
) -> dict[str, NDArray[Any]]:
    """``style`` whose genre ``row`` has learned from the pieces ``found``; it starts as it is.

    Fewer than ``FEWEST_PIECES`` pieces leave it unchanged, so that no row tells of a few pieces.
    """
    rng = np.random.default_rng(seed)
    pieces = [piece_of(shard, piece, row, EXCERPTS, rng) for shard, piece in found] if style else []
    if len(pieces) < FEWEST_PIECES:
        return dict(style)
    network = StyleNetwork(len(style["genre.weight"]) - 1, dropout=0.0)
    load_weights(network, {name: torch.from_numpy(np.asarray(weight)) for name, weight in style.items()})
    own = _fitted_row(network, pieces, 1 + row, rng, seed)
    table, counts = np.array(style["genre.weight"], copy=True), np.array(style["genre_pieces"], copy=True)
    table[1 + row], counts[1 + row] = own, len(pieces)
    return {**style, "genre.weight": table, "genre_pieces": counts}


def _fitted_row(
    network: StyleNetwork, pieces: list[StylePiece], row: int, rng: np.random.Generator, seed: int
) -> NDArray[np.float32]:
    """(E,) the row of the genre table under which ``pieces`` are likeliest, near where it starts."""
    network.requires_grad_(requires_grad=False)
    table = network.genre.weight
    table.requires_grad_()
    start = table.detach()[row].clone()
    optimizer = torch.optim.Adam([table], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, UPDATES)
    average, kept = torch.zeros_like(start), 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for update in range(UPDATES):
            chosen = [pieces[index] for index in rng.integers(0, len(pieces), BATCH)]
            batch = batch_of([(piece.genre, piece.views[rng.integers(len(piece.views))]) for piece in chosen])
            nats = torch.stack(list(network(batch).values())).sum() / BATCH
            loss = nats + PULL * ((table[row] - start) ** 2).sum() / len(pieces)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if update >= UPDATES // 2:
                average, kept = average + table.detach()[row], kept + 1
    fitted: NDArray[np.float32] = (average / kept).numpy()
    return fitted
