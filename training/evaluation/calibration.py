"""Calibration of sampling: the temperature, motif bonus and new-bar bias whose songs are nearest to real pieces.

Distances are those of ``riffbird evaluate``, to *training* pieces; held-out pieces only set the length of the excerpts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.decoding.generate import Composer
from composer.model.checkpoint import Checkpoint
from midi_data.corpus.dataset import Shard, all_pieces
from training.evaluation.discriminators.features import Measured, measure
from training.evaluation.harmony import harmony_figures, short_samples
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

TEMPERATURES = (0.9, 0.95, 1.0)
MOTIF_BONUSES = (0.0, 1.0, 2.0)
NEW_BAR_BIASES = (-1.0, -0.4, 0.2)
RANDOMNESS = 0.5
REFERENCE_PIECES = 80
_FARTHEST = 3.0
"""Upper limit of a statistic's log ratio, so that no single one decides."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting of a genre and the distance of its songs to real pieces.

    ``excess`` as in ``excess_of``; ``structure``, ``harmony``: mean |log (songs / real)| of the figures of structure
    and of harmony and ensemble.
    """

    genre: str
    temperature: float
    motif_bonus: float
    new_bar_bias: float
    excess: float
    structure: float
    harmony: float

    @property
    def distance(self) -> float:
        """Sum of the three."""
        return self.excess + self.structure + self.harmony


Doubles = NDArray[np.float64]
OnTrial = Callable[[Trial], None]


def calibrated(
    checkpoint: Checkpoint, shards: list[Shard], genres: Sequence[str], songs: int, seed: int, on_trial: OnTrial
) -> Checkpoint:
    """``checkpoint`` with the best settings of ``genres`` in its header. ``on_trial`` is called with each trial.

    Raises ``EvaluationError`` for a genre with too few held-out works, which set the length of the excerpts.
    """
    for genre in genres:
        best = best_of(run_trials(checkpoint, shards, genre, songs, seed, on_trial))
        checkpoint = with_settings(checkpoint, genre, best.temperature, best.motif_bonus, best.new_bar_bias)
    return checkpoint


def with_settings(
    checkpoint: Checkpoint, genre: str, temperature: float, motif_bonus: float, new_bar_bias: float
) -> Checkpoint:
    """``checkpoint`` with the settings of one genre in its header."""
    header = checkpoint.header
    update = {
        "temperatures": header.temperatures | {genre: temperature},
        "motif_bonus": header.motif_bonus | {genre: motif_bonus},
        "new_bar_bias": header.new_bar_bias | {genre: new_bar_bias},
    }
    return replace(checkpoint, header=header.model_copy(update=update))


def run_trials(
    checkpoint: Checkpoint, shards: list[Shard], genre: str, songs: int, seed: int, on_trial: OnTrial
) -> list[Trial]:
    """Every combination of the settings with ``songs`` songs of the same seeds."""
    bars = excerpt_bars(held_out(shards, genre))
    train = [pair for pair in all_pieces(shards, "train") if pair[1].genre == genre]
    samples = real_samples(drawn(train, REFERENCE_PIECES, np.random.default_rng(seed)), bars)
    real = measure([each.events for each in samples])
    harmony = harmony_means(samples)
    tried = []
    for motif_bonus, new_bar_bias, temperature in product(MOTIF_BONUSES, NEW_BAR_BIASES, TEMPERATURES):
        own = with_settings(checkpoint, genre, temperature, motif_bonus, new_bar_bias)
        made = composed_samples(compose_songs(Composer(own), genre, bars, songs, seed, randomness=RANDOMNESS), bars)
        excess, structure = _distances(real, samples, made, seed)
        off = float(np.nanmean(log_ratios(harmony_means(made) / harmony)))
        tried.append(Trial(genre, temperature, motif_bonus, new_bar_bias, excess, structure, off))
        on_trial(tried[-1])
    return tried


def harmony_means(samples: Sequence[Sample]) -> Doubles:
    """(F,) means of the figures of harmony and ensemble over excerpts of 8 bars; NaN where no excerpt has one."""
    figures = harmony_figures([each.events for each in short_samples(samples)])
    return np.array([np.nanmean(column) if np.isfinite(column).any() else np.nan for column in figures.values()])


def _distances(real: Measured, samples: Sequence[Sample], made: Sequence[Sample], seed: int) -> tuple[float, float]:
    songs = measure([each.events for each in made])
    rows = statistics(real, [each.work for each in samples], songs, seed)
    ratios = np.array([row["ratio"] for row in structure_report(rows).values()], dtype=np.float64)
    return excess_of(rows), float(np.mean(log_ratios(ratios)))


def log_ratios(ratios: Doubles) -> Doubles:
    """|log| of ``ratios``, at most that of 20."""
    found: Doubles = np.abs(np.log(np.clip(ratios, 0.05, 20)))
    return found


def excess_of(rows: Sequence[dict[str, Any]]) -> float:
    """Mean over the statistics of log (distance to real / distance between real halves), from 0 to ``_FARTHEST``."""
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None and math.isfinite(row["ratio"])]
    return float(np.mean(np.clip(np.log(np.maximum(ratios, 1e-9)), 0, _FARTHEST)))


def best_of(tried: Sequence[Trial]) -> Trial:
    """The trial of least distance on a parabola through the temperatures of its settings: single trials are noisy."""
    found: list[tuple[float, Trial]] = []
    for settings in sorted({(each.motif_bonus, each.new_bar_bias) for each in tried}):
        own = [each for each in tried if (each.motif_bonus, each.new_bar_bias) == settings]
        places = np.array([each.temperature for each in own])
        curve = np.polynomial.Polynomial.fit(places, [each.distance for each in own], min(2, len(own) - 1))
        fine = np.linspace(places.min(), places.max(), 61)
        at = int(np.argmin(curve(fine)))
        nearest = own[int(np.argmin(np.abs(places - fine[at])))]
        found.append((float(curve(fine)[at]), replace(nearest, temperature=round(float(fine[at]), 3))))
    return min(found, key=lambda each: each[0])[1]
