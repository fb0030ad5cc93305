"""Calibration of sampling: the temperature and repetition strength at which a genre's songs are nearest to real pieces.

Distances are those of ``riffbird evaluate``, to *training* pieces; held-out pieces only set the length of the excerpts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from composer.decoding.generate import Composer
from composer.model.checkpoint import Checkpoint
from midi_data.corpus.dataset import Shard, all_pieces
from training.evaluation.discriminators.features import Measured, measure
from training.evaluation.samples import (
    Sample,
    compose_songs,
    composed_samples,
    drawn,
    excerpt_bars,
    held_out,
    real_samples,
)
from training.evaluation.statistics import statistics, structure_report

TEMPERATURES = (0.75, 0.875, 1.0)
RETURNS = (0.5, 1.0, 2.0)
RANDOMNESS = 0.5
REFERENCE_PIECES = 80
_FARTHEST = 3.0
"""Upper limit of a statistic's log ratio, so that no single one decides."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting of a genre and the distance of its songs to real pieces.

    ``excess`` as in ``excess_of``; ``structure``: mean |log (songs / real)| of the structure figures.
    """

    genre: str
    temperature: float
    repetition_strength: float
    excess: float
    structure: float

    @property
    def distance(self) -> float:
        """Sum of both."""
        return self.excess + self.structure


OnTrial = Callable[[Trial], None]


def calibrated(
    checkpoint: Checkpoint, shards: list[Shard], genres: Sequence[str], songs: int, seed: int, on_trial: OnTrial
) -> Checkpoint:
    """``checkpoint`` with temperature and returns of ``genres`` in its header. ``on_trial`` is called with each trial.

    Raises ``EvaluationError`` for a genre with too few held-out works, which set the length of the excerpts.
    """
    temperatures, repetition_strength = (
        dict(checkpoint.header.temperatures),
        dict(checkpoint.header.repetition_strength),
    )
    for genre in genres:
        best = best_of(run_trials(checkpoint, shards, genre, songs, seed, on_trial))
        temperatures[genre], repetition_strength[genre] = best.temperature, best.repetition_strength
    header = checkpoint.header.model_copy(
        update={"temperatures": temperatures, "repetition_strength": repetition_strength}
    )
    return replace(checkpoint, header=header)


def run_trials(
    checkpoint: Checkpoint, shards: list[Shard], genre: str, songs: int, seed: int, on_trial: OnTrial
) -> list[Trial]:
    """Every pair of ``TEMPERATURES`` and ``RETURNS`` with ``songs`` songs of the same seeds."""
    bars = excerpt_bars(held_out(shards, genre))
    train = [pair for pair in all_pieces(shards, "train") if pair[1].genre == genre]
    samples = real_samples(drawn(train, REFERENCE_PIECES, np.random.default_rng(seed)), bars)
    real = measure([each.events for each in samples])
    tried = []
    for repetition_strength in RETURNS:
        for temperature in TEMPERATURES:
            made = _songs(checkpoint, genre, temperature, repetition_strength, bars, songs, seed)
            tried.append(Trial(genre, temperature, repetition_strength, *_distances(real, samples, made, seed)))
            on_trial(tried[-1])
    return tried


def _songs(
    checkpoint: Checkpoint, genre: str, temperature: float, repetition_strength: float, bars: int, songs: int, seed: int
) -> list[Sample]:
    way = {"temperatures": {genre: temperature}, "repetition_strength": {genre: repetition_strength}}
    composer = Composer(replace(checkpoint, header=checkpoint.header.model_copy(update=way)))
    return composed_samples(compose_songs(composer, genre, bars, songs, seed, randomness=RANDOMNESS), bars)


def _distances(real: Measured, samples: Sequence[Sample], made: Sequence[Sample], seed: int) -> tuple[float, float]:
    songs = measure([each.events for each in made])
    rows = statistics(real, [each.work for each in samples], songs, seed)
    ratios = [row["ratio"] for row in structure_report(rows).values()]
    return excess_of(rows), float(np.mean(np.abs(np.log(np.clip(ratios, 0.05, 20)))))


def excess_of(rows: Sequence[dict[str, Any]]) -> float:
    """Mean over the statistics of log (distance to real / distance between real halves), from 0 to ``_FARTHEST``."""
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None and math.isfinite(row["ratio"])]
    return float(np.mean(np.clip(np.log(np.maximum(ratios, 1e-9)), 0, _FARTHEST)))


def best_of(tried: Sequence[Trial]) -> Trial:
    """The trial of least distance on a parabola through each strength's temperatures: single trials are noisy."""
    found: list[tuple[float, Trial]] = []
    for repetition_strength in sorted({each.repetition_strength for each in tried}):
        own = [each for each in tried if each.repetition_strength == repetition_strength]
        places = np.array([each.temperature for each in own])
        curve = np.polynomial.Polynomial.fit(places, [each.distance for each in own], min(2, len(own) - 1))
        fine = np.linspace(places.min(), places.max(), 61)
        at = int(np.argmin(curve(fine)))
        nearest = own[int(np.argmin(np.abs(places - fine[at])))]
        found.append((float(curve(fine)[at]), replace(nearest, temperature=round(float(fine[at]), 3))))
    return min(found, key=lambda each: each[0])[1]
