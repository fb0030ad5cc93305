"""Whether songs have the chords asked for: share of slots whose extracted chord is the asked one, of ten progressions.

    python benchmarks/asked_chords.py [--seed 0] [--checkpoint FILE]

Songs of 32 seconds in five genres, written as MIDI files and read again. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from composer.decoding.generate import Composer
from composer.model.checkpoint import load_checkpoint
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.analysis.chords import chord_slots
from midi_data.bars import BarGrid
from midi_data.chords import chord_root
from midi_data.events.encoding import Ints, encode
from midi_data.io.midi_file import song_from_bytes
from midi_data.io.midi_writer import midi_bytes
from midi_data.song import Song

GENRES = ("heavy-metal", "pop", "jazz", "blues", "folk")
PROGRESSIONS = (
    "Am F C G", "Dm7 G7 Cmaj7 Am7", "C G Am F", "E5 G5 A5 E5", "Em C G D",
    "A7 D7 A7 E7", "F#m D A E", "Gm Eb Bb F", "C Am Dm G", "Bm G D A",
)  # fmt: skip


def obeyed(song: Song, chords: Ints) -> tuple[float, float]:
    """Shares of chord slots with the asked one of ``chords`` (bars, 2), and with its root."""
    events = encode(song_from_bytes(midi_bytes(song), source="a song"))
    found = chord_slots(events, BarGrid.of(events.meters, events.end))[: len(chords)].ravel().tolist()
    pairs = list(zip(found, chords.ravel().tolist(), strict=False))
    exact = sum(one == other for one, other in pairs) / len(pairs)
    return exact, sum(chord_root(one) == chord_root(other) for one, other in pairs) / len(pairs)


def main() -> None:
    """Compose, extract, and print the shares by genre and by progression."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path)
    given = parser.parse_args()
    composer = Composer(load_checkpoint(given.checkpoint))
    wishes = [(genre, chords) for genre in GENRES for chords in PROGRESSIONS]
    plans = [
        plan_song(
            ComposeRequest(genres={genre: 1.0}, seed=given.seed + i, length_seconds=32, chords=tuple(chords.split())),
            composer.checkpoint,
        )
        for i, (genre, chords) in enumerate(wishes)
    ]
    shares = np.array(
        [
            obeyed(song, plan.chords)
            for song, plan in zip(composer.compose(plans), plans, strict=True)
            if plan.chords is not None
        ]
    )
    exact = shares[:, 0].reshape(len(GENRES), len(PROGRESSIONS))
    report = {
        "exact": shares[:, 0].mean(),
        "root": shares[:, 1].mean(),
        "exact_by_genre": dict(zip(GENRES, exact.mean(axis=1), strict=True)),
        "exact_by_progression": dict(zip(PROGRESSIONS, exact.mean(axis=0), strict=True)),
    }
    sys.stdout.write(json.dumps(report, indent=2, default=float) + "\n")


if __name__ == "__main__":
    main()
