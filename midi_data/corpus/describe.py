"""What a prepared corpus holds, genre by genre: amounts, instruments, meters, licences."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median
from typing import Any

from midi_data.corpus.dataset import Piece, Shard
from midi_data.events.encoding import part_instrument
from midi_data.general_midi import instrument_name

COMMONEST = 8


def describe_genres(shards: list[Shard]) -> list[dict[str, Any]]:
    """A JSON-ready row a genre, in order of name; instruments and meters by how many pieces have them."""
    pieces: dict[str, list[tuple[Shard, Piece]]] = defaultdict(list)
    for shard in shards:
        for piece in shard.pieces:
            pieces[piece.genre].append((shard, piece))
    return [_row(genre, held) for genre, held in sorted(pieces.items())]


def _row(genre: str, held: list[tuple[Shard, Piece]]) -> dict[str, Any]:
    instruments, sizes = Counter[str](), []
    for shard, piece in held:
        band = shard.events(piece).band
        sizes.append(len(band))
        instruments.update({instrument_name(*part_instrument(part)) for part in band})
    every = [piece for _, piece in held]
    return {
        "genre": genre,
        "train_pieces": sum(piece.split == "train" for piece in every),
        "valid_pieces": sum(piece.split == "valid" for piece in every),
        "hours": round(sum(piece.seconds for piece in every) / 3600, 2),
        "notes": sum(piece.count for piece in every),
        "median_parts": median(sizes),
        "instruments": dict(instruments.most_common(COMMONEST)),
        "meters": dict(Counter(f"{n}/{d}" for piece in every for n, d in {m[1:] for m in piece.meters}).most_common()),
        "licences": dict(Counter(piece.licence for piece in every).most_common()),
    }
