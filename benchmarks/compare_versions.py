"""Processor time a note of two checkouts, measured in turns: other load on the machine meets both alike.

    python benchmarks/compare_versions.py OLD NEW --batch 16 [--seconds 10] [--songs 16] [--pairs 12]

OLD and NEW are folders with a ``.venv``. Each pair composes the same requests with both; the order changes by turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

GENRES = ("pop", "jazz", "rock", "classical", "folk", "blues", "heavy-metal", "game")

PROGRAM = """
import sys, time
from composer.pipeline import composer_for
from composer.planning.plan import plan_song
from composer.request import ComposeRequest

batch, seconds, songs, *genres = sys.argv[1:]
composer = composer_for(None)
for line in sys.stdin:
    requests = [
        ComposeRequest(genres={genres[k % len(genres)]: 1.0}, seed=1000 * int(line) + k, length_seconds=float(seconds))
        for k in range(int(songs))
    ]
    plans = [plan_song(each, composer.checkpoint) for each in requests]
    begun = time.process_time()
    made = composer.compose(plans, batch_size=int(batch))
    print((time.process_time() - begun) / sum(song.note_count for song in made) * 1e6, flush=True)
"""
"""For each number on standard input: µs a note of composing the songs of that number, planning left out."""


class Version:
    """A checkout that composes in a process of its own, by one thread."""

    def __init__(self, folder: Path, batch: int, seconds: float, songs: int) -> None:
        words = [folder / ".venv/bin/python", "-c", PROGRAM, str(batch), str(seconds), str(songs), *GENRES]
        self._process = subprocess.Popen(  # noqa: S603  checkouts named by the caller
            words, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def microseconds(self, number: int) -> float:
        """µs a note of the songs of ``number``."""
        source, sink = self._process.stdin, self._process.stdout
        if source is None or sink is None:
            raise RuntimeError("both streams are pipes")
        source.write(f"{number}\n")
        source.flush()
        return float(sink.readline())

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> int:
    """Measure, and print medians and the spread of the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--songs", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=12)
    given = parser.parse_args()
    versions = [Version(folder.resolve(), given.batch, given.seconds, given.songs) for folder in (given.old, given.new)]
    pairs: list[tuple[float, float]] = []
    for number in range(1 + given.pairs):  # the first warms up
        order = (0, 1) if number % 2 else (1, 0)
        took = {which: versions[which].microseconds(number) for which in order}
        pairs.append((took[0], took[1]))
    for version in versions:
        version.stop()
    old, new = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
    ratios = sorted(new / old for old, new in pairs[1:])
    sys.stdout.write(
        f"batch {given.batch}: {old:.0f} → {new:.0f} µs a note, ratio {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f}–{ratios[-1]:.2f}, {len(ratios)} pairs)\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
