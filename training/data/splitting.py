"""Held-out pieces of a genre whose corpus has too few of its own."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from training.data.pieces import CorpusPieces

VALID_FRACTION = 0.1
FEWEST_VALID = 3
SMALL_CORPUS = 12
"""With fewer works than this, one work is held out."""


def hold_out(train: CorpusPieces, valid: CorpusPieces) -> tuple[CorpusPieces, CorpusPieces]:
    """Hold out a tenth of the works, at least three (one of a small corpus), chosen by a digest of their names.

    Pieces of a work stay together, those of a work on both sides are held out; at least one work is trained on.
    """
    works = {piece.work for _, piece in [*train, *valid]}
    wanted = max(FEWEST_VALID if len(works) >= SMALL_CORPUS else 1, round(VALID_FRACTION * len(works)))
    missing = wanted - len({piece.work for _, piece in valid})
    spare = sorted({piece.work for _, piece in train} - {piece.work for _, piece in valid}, key=_digest)
    moved = set(spare[: max(0, min(missing, len(spare) - 1))]) | (works - set(spare))
    return (
        [pair for pair in train if pair[1].work not in moved],
        [*valid, *(pair for pair in train if pair[1].work in moved)],
    )


def _digest(work: str) -> str:
    return hashlib.sha256(work.encode()).hexdigest()


def as_genre(pieces: CorpusPieces, genre: str) -> CorpusPieces:
    """The pieces of ``genre``; if there is none, all pieces with their genre replaced."""
    named = [pair for pair in pieces if pair[1].genre == genre]
    return named or [(shard, replace(piece, genre=genre)) for shard, piece in pieces]
