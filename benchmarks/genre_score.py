"""How often a held-out piece scores better under its own genre than under another one.

    python benchmarks/genre_score.py CORPUS [--notes 1500] [--pieces 20] [--checkpoint FILE] [--json]

CORPUS is a prepared corpus (``riffbird corpus prepare``): its ``valid`` pieces are scored, each up to ``--notes``
notes.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from composer.likelihood.scorer import Scorer
from composer.model.checkpoint import load_checkpoint
from midi_data.corpus.dataset import all_pieces, open_shards
from midi_data.events.encoding import EventSequence
from midi_data.genres import GENRES


def beginning(events: EventSequence, notes: int) -> EventSequence:
    """The first ``notes`` notes."""
    if len(events) <= notes:
        return events
    cut = {name: getattr(events, name)[:notes] for name in ("onset", "part", "pitch", "duration", "velocity")}
    return replace(events, **cut, end=int(events.onset[notes - 1]) + 1)


def main() -> None:
    """Score the pieces and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--notes", type=int, default=1500)
    parser.add_argument("--pieces", type=int, default=20)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    scorer = Scorer(load_checkpoint(given.checkpoint))
    names = [genre.name for genre in GENRES if genre.name in scorer.genres]
    rows = [scorer.genres.index(name) for name in names]
    result: dict[str, Any] = {}
    for own, name in enumerate(names):
        held = [pair for pair in all_pieces(open_shards(given.corpus), "valid") if pair[1].genre == name]
        chosen = held[:: max(1, len(held) // given.pieces)][: given.pieces]
        wins, best, nll = [], [], []
        for shard, piece in chosen:
            events = beginning(shard.events(piece), given.notes)
            nats = scorer.field_sums(events, rows, piece.tempos[0][1]).sum(axis=1)
            wins.append(np.delete(nats > nats[own], own).mean())
            best.append(int(nats.argmin()) == own)
            nll.append(nats[own] / len(events))
        result[name] = {
            "pieces": len(chosen),
            "finite": bool(np.isfinite(nll).all()),
            "better_than_a_wrong_genre": round(float(np.mean(wins)), 3),
            "best_of_all_genres": round(float(np.mean(best)), 3),
            "nll": round(float(np.mean(nll)), 3),
        }
        if not given.json:
            sys.stdout.write(f"{name}: {result[name]}\n")
    every = float(
        np.average(
            [r["better_than_a_wrong_genre"] for r in result.values()], weights=[r["pieces"] for r in result.values()]
        )
    )
    sys.stdout.write(json.dumps({"genres": result, "better_than_a_wrong_genre": round(every, 3)}) + "\n")


if __name__ == "__main__":
    main()
