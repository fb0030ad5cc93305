"""Contents of a prepared corpus by genre: pieces, hours, notes, instruments, meters, licences."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median
from typing import Any

from midi_data.corpus.dataset import Piece, Shard
from midi_data.events.encoding import part_instrument
from midi_data.general_midi import instrument_name

MOST_INSTRUMENTS = 8
"""Instruments listed a genre, by number of pieces."""


def describe_genres(shards: list[Shard]) -> list[dict[str, Any]]:
    """Return a JSON-ready row a genre, sorted by name; instruments and meters with their number of pieces."""
    pieces: dict[str, list[tuple[Shard, Piece]]] = defaultdict(list)
    for shard in shards:
        for piece in shard.pieces:
            pieces[piece.genre].append((shard, piece))
    return [_row(genre, members) for genre, members in sorted(pieces.items())]


def _row(genre: str, members: list[tuple[Shard, Piece]]) -> dict[str, Any]:
    instruments, sizes = Counter[str](), []
    for shard, piece in members:
        band = shard.events(piece).band
        sizes.append(len(band))
        instruments.update({instrument_name(*part_instrument(part)) for part in band})
    every = [piece for _, piece in members]
    return {
        "genre": genre,
        "train_pieces": sum(piece.split == "train" for piece in every),
        "valid_pieces": sum(piece.split == "valid" for piece in every),
        "hours": round(sum(piece.seconds for piece in every) / 3600, 2),
        "notes": sum(piece.count for piece in every),
        "median_parts": median(sizes),
        "instruments": dict(instruments.most_common(MOST_INSTRUMENTS)),
        "meters": dict(Counter(f"{n}/{d}" for piece in every for n, d in {m[1:] for m in piece.meters}).most_common()),
        "licences": dict(Counter(piece.licence for piece in every).most_common()),
    }
