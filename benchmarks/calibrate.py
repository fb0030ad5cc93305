"""Calibrate each genre's temperature, motif bonus and new-bar bias, and write them into a checkpoint.

    python benchmarks/calibrate.py CORPUS CHECKPOINT OUT [--songs 12] [--seed 500] [--genres heavy-metal,…]

CORPUS is a prepared corpus. Prints a JSON line for each combination.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from composer.model.checkpoint import load_checkpoint, save_checkpoint
from midi_data.corpus.dataset import open_shards
from midi_data.genres import GENRES
from training.evaluation.calibration import Trial, calibrated


def tell(tried: Trial) -> None:
    """Print one trial."""
    sys.stdout.write(json.dumps(asdict(tried)) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Calibrate and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=500)
    parser.add_argument("--genres", default=",".join(genre.name for genre in GENRES))
    given = parser.parse_args()
    checkpoint, genres = load_checkpoint(given.checkpoint), given.genres.split(",")
    done = calibrated(checkpoint, open_shards(given.corpus), genres, given.songs, given.seed, tell)
    save_checkpoint(done, given.out)
    sys.stdout.write(
        json.dumps({name: getattr(done.header, name) for name in ("temperatures", "motif_bonus", "new_bar_bias")})
        + "\n"
    )


if __name__ == "__main__":
    main()
