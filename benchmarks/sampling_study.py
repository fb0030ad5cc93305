"""Effect of sampling on songs: the randomness curve, and sampling rules compared.

    python benchmarks/sampling_study.py CORPUS curve [--songs 8] [--genres heavy-metal,jazz,…]
    python benchmarks/sampling_study.py CORPUS rules [--songs 24] [--genres heavy-metal,jazz,folk]

CORPUS is a prepared corpus. ``curve``: nats a note, copy rate and harmony of songs at randomness 0, .1 … 1. ``rules``:
min-p and embedding sampling at several strengths, all at the genre's own temperature (times the one said); compare
those of like nats a note. Writes JSON lines.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from composer.decoding.generate import Composer
from composer.decoding.sampling import SamplingParameters, parameters_for
from composer.likelihood.scorer import Scorer
from composer.model.checkpoint import load_checkpoint
from composer.request import Sampling
from midi_data.corpus.dataset import open_shards
from midi_data.genres import GENRES
from training.evaluation.calibration import harmony_means, log_ratios
from training.evaluation.discriminators.features import measure
from training.evaluation.discriminators.folds import cross_validate
from training.evaluation.discriminators.trees import tree_classifier
from training.evaluation.novelty_check import novelty_report, training_grams
from training.evaluation.samples import Sample, compose_songs, composed_samples, excerpt_bars, held_out, real_samples
from training.evaluation.statistics import near_enough, statistics

BARS = 16
RULES: tuple[tuple[str, Sampling, SamplingParameters], ...] = (
    ("plain", "probability", SamplingParameters(1.0, 0.0, 0.0)),
    ("temperature .9", "probability", SamplingParameters(0.9, 0.0, 0.0)),
    ("temperature 1.2", "probability", SamplingParameters(1.2, 0.0, 0.0)),
    ("min-p .02", "probability", SamplingParameters(1.0, 0.02, 0.0)),
    ("min-p .05", "probability", SamplingParameters(1.0, 0.05, 0.0)),
    ("min-p .1", "probability", SamplingParameters(1.0, 0.1, 0.0)),
    ("embedding τ .3", "embedding", SamplingParameters(1.0, 0.0, 0.3)),
    ("embedding τ .6", "embedding", SamplingParameters(1.0, 0.0, 0.6)),
    ("embedding τ 1", "embedding", SamplingParameters(1.0, 0.0, 1.0)),
    ("shipped, randomness .5", "probability", parameters_for(0.5)),
    ("shipped, randomness .5, embedding", "embedding", parameters_for(0.5)),
)


def nats(scorer: Scorer, samples: list[Sample], genre: str) -> float:
    """Mean nats a note of ``samples``, conditioned on genre, band, tempo and meters."""
    return float(np.mean([scorer.nats_per_note(s.events, [genre], s.events.tempos[0].bpm).sum() for s in samples]))


def curve(corpus: Path, checkpoint: Any, genres: list[str], songs: int, seed: int) -> None:
    """One line a randomness: means over the genres of nats a note, copy rate and distance in harmony to real pieces."""
    shards = open_shards(corpus)
    grams, scorer, composer = training_grams(shards), Scorer(checkpoint), Composer(checkpoint)
    real = {genre: harmony_means(real_samples(held_out(shards, genre), BARS)) for genre in genres}
    for r in np.round(np.linspace(0, 1, 11), 1).tolist():
        rows = {}
        for genre in genres:
            made = composed_samples(compose_songs(composer, genre, BARS, songs, seed, randomness=r), BARS)
            copies = novelty_report(made, made, grams, seed)["songs"]["copy_rate"]
            off = float(np.nanmean(log_ratios(harmony_means(made) / real[genre])))
            rows[genre] = {"nll": nats(scorer, made, genre), "copy_rate": copies, "harmony": off}
        means = {key: float(np.nanmean([row[key] for row in rows.values()])) for key in ("nll", "copy_rate", "harmony")}
        tell({"randomness": r, **means, "songs": songs * len(genres), "seed": seed, "genres": rows})


def rules(corpus: Path, checkpoint: Any, genres: list[str], songs: int, seed: int) -> None:
    """One line a rule and genre: nats a note, statistics near enough, distances, trees' accuracy, copy rate."""
    shards = open_shards(corpus)
    grams, scorer = training_grams(shards), Scorer(checkpoint)
    for genre in genres:
        held = held_out(shards, genre)
        bars = excerpt_bars(held)
        real = real_samples(held, bars)
        measured, works = measure([s.events for s in real]), [s.work for s in real]
        harmony = harmony_means(real)
        for name, space, how in RULES:
            composer = Composer(checkpoint, lambda _, own, how=how: replace(how, temperature=own * how.temperature))
            made = composed_samples(
                compose_songs(composer, genre, bars, songs, seed, randomness=0.5, sampling=space), bars
            )
            rows = statistics(measured, works, measure([s.events for s in made]), seed)
            ratios = [row["ratio"] for row in rows if row["ratio"]]
            tell(
                {
                    "genre": genre, "rule": name, "nll": nats(scorer, made, genre),
                    "near_enough": near_enough(rows)["near_enough"], "statistics": len(rows),
                    "median_ratio": float(np.median(ratios)), "mean_log_ratio": float(np.mean(np.log(ratios))),
                    "harmony": float(np.nanmean(log_ratios(harmony_means(made) / harmony))),
                    "trees": trees(real, made, seed),
                    "copy_rate": novelty_report(made, made, grams, seed)["songs"]["copy_rate"],
                    "songs": len(made), "seed": seed,
                }
            )  # fmt: skip


def trees(real: list[Sample], made: list[Sample], seed: int) -> float:
    """Balanced accuracy of boosted trees on all statistics."""
    both = [*real, *made]
    is_song, rows = np.arange(len(both)) >= len(real), measure([each.events for each in both]).rows
    return cross_validate([each.work for each in both], is_song, tree_classifier(rows, is_song, seed), seed).accuracy


def tell(row: dict[str, Any]) -> None:
    """One JSON line, at once."""
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Parse the arguments and run one study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("study", choices=("curve", "rules"))
    parser.add_argument("--songs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--genres", default=",".join(genre.name for genre in GENRES))
    parser.add_argument("--checkpoint", type=Path)
    given = parser.parse_args()
    study = {"curve": curve, "rules": rules}[given.study]
    study(given.corpus, load_checkpoint(given.checkpoint), given.genres.split(","), given.songs, given.seed)


if __name__ == "__main__":
    main()
