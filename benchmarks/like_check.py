"""Whether a song made like a file has its band and chart and none of its notes.

    python benchmarks/like_check.py CORPUS [--pieces 5] [--seed 0] [--genre G]…

CORPUS is a prepared corpus; its held-out pieces are the files, each in its genre and at its own length, at most 45
seconds. Prints a line a file and one JSON object of means.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from composer.decoding.generate import Composer
from composer.model.checkpoint import load_checkpoint
from composer.planning.files.like import fit_reference, outline_of_song
from composer.planning.plan import plan_song
from composer.request import DEFAULT_LENGTH_SECONDS, LENGTH_RANGE_SECONDS, ComposeRequest
from midi_data.analysis.chords import chord_slots
from midi_data.analysis.novelty import copy_rate, grams
from midi_data.bars import BarGrid
from midi_data.chords import chord_root
from midi_data.corpus.dataset import all_pieces, open_shards
from midi_data.events.encoding import EventSequence, Ints, decode, encode
from midi_data.io.midi_file import song_from_bytes
from midi_data.io.midi_writer import midi_bytes
from midi_data.song import Song

GENRES = ("heavy-metal", "rock", "jazz", "pop", "folk")


def chords_of(events: EventSequence) -> Ints:
    """(bars, 2) extracted chords."""
    return chord_slots(events, BarGrid.of(events.meters, events.end))


def compared(file: Song, song: Song) -> dict[str, Any]:
    """Shares of slots with the file's chord and root, whether the bands are equal, copy rate of the file's melodies."""
    given, made = encode(file), encode(song_from_bytes(midi_bytes(song), source="a song"))
    wanted, found = chords_of(given), chords_of(made)
    wanted = wanted[np.arange(len(found)) % len(wanted)]
    roots = [chord_root(a) == chord_root(b) for a, b in zip(found.flat, wanted.flat, strict=True)]
    return {
        "chart": float((found == wanted).mean()),
        "roots": float(np.mean(roots)),
        "band": given.band == made.band,
        "copies": copy_rate(grams(made), np.unique(grams(given))),
    }


def main() -> None:
    """Compose like held-out pieces, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--pieces", type=int, default=5, help="a genre")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--genre", action="append")
    given = parser.parse_args()
    composer = Composer(load_checkpoint())
    rows = []
    for genre in given.genre or GENRES:
        own = [
            (shard, piece) for shard, piece in all_pieces(open_shards(given.corpus), "valid") if piece.genre == genre
        ]
        own = [own[i] for i in np.random.default_rng(given.seed).permutation(len(own))[: given.pieces]]
        files, plans = [], []
        for number, (shard, piece) in enumerate(own):
            file = song_from_bytes(midi_bytes(decode(shard.events(piece))), source=piece.name)
            seconds = min(max(file.duration_seconds, LENGTH_RANGE_SECONDS[0]), DEFAULT_LENGTH_SECONDS)
            request = ComposeRequest(genres={genre: 1.0}, seed=given.seed + number, length_seconds=seconds)
            fitted = fit_reference(file, request).song
            if fitted:
                files.append((piece.name, fitted))
                plans.append(
                    plan_song(
                        request, composer.checkpoint, outline=outline_of_song(fitted, request, composer.checkpoint)
                    )
                )
        for (name, file), song in zip(files, composer.compose(plans), strict=True):
            rows.append({"file": name, "genre": genre, **compared(file, song)})
            sys.stdout.write(json.dumps(rows[-1]) + "\n")
            sys.stdout.flush()
    means = {key: float(np.nanmean([row[key] for row in rows])) for key in ("chart", "roots", "band", "copies")}
    sys.stdout.write(json.dumps({"files": len(rows), **means}) + "\n")


if __name__ == "__main__":
    main()
