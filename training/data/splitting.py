"""Which of a genre's own pieces are held out, where the corpus itself holds too few out. Knows pieces, not networks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from midi_data.corpus.dataset import Piece, Shard

Held = list[tuple[Shard, Piece]]

VALID_SHARE = 0.1
FEWEST_VALID = 3
SMALL_CORPUS = 12
"""With fewer pieces than this, one held-out work must do."""


def hold_out(train: Held, valid: Held) -> tuple[Held, Held]:
    """Enough works held out: a tenth, three at least (one of a small corpus). Chosen by name, so they never move.

    A work's pieces stay together, and one work stays to train on.
    """
    works = {piece.work for _, piece in [*train, *valid]}
    wanted = max(FEWEST_VALID if len(works) >= SMALL_CORPUS else 1, round(VALID_SHARE * len(works)))
    missing = wanted - len({piece.work for _, piece in valid})
    spare = sorted({piece.work for _, piece in train} - {piece.work for _, piece in valid}, key=_digest)
    moved = set(spare[: max(0, min(missing, len(spare) - 1))])
    return (
        [pair for pair in train if pair[1].work not in moved],
        [*valid, *(pair for pair in train if pair[1].work in moved)],
    )


def _digest(work: str) -> str:
    return hashlib.sha256(work.encode()).hexdigest()


def as_genre(held: Held, genre: str) -> Held:
    """The pieces called ``genre``, or all of them under that name where none is."""
    named = [pair for pair in held if pair[1].genre == genre]
    return named or [(shard, replace(piece, genre=genre)) for shard, piece in held]


def notes_in(held: Sequence[tuple[Shard, Piece]]) -> int:
    """Notes of all pieces."""
    return sum(piece.count for _, piece in held)
