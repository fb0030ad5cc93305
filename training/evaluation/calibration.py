"""How each genre is best drawn: the temperature and the weight of returning at which songs are most like real pieces.

Like in the statistics of ``riffbird evaluate``, beside *training* pieces; held-out ones only say how long excerpts are.
Knows samples and statistics; writes no file.
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
"""A statistic's log ratio counts up to this, so that none alone decides."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One way to draw a genre, and how far its songs are from real pieces.

    ``excess`` as in ``excess_of``; ``structure``: mean |log (songs / real)| of the structure figures.
    """

    genre: str
    temperature: float
    repetition_strength: float
    excess: float
    structure: float

    @property
    def distance(self) -> float:
        """Both together."""
        return self.excess + self.structure


OnTried = Callable[[Tried], None]


def calibrated(
    checkpoint: Checkpoint, shards: list[Shard], genres: Sequence[str], songs: int, seed: int, on_tried: OnTried
) -> Checkpoint:
    """``checkpoint`` with temperature and returns of ``genres`` in its header. ``on_tried`` hears every way tried.

    Raises ``EvaluationError`` where a genre has too few held-out works (they say how long excerpts are).
    """
    temperatures, repetition_strength = (
        dict(checkpoint.header.temperatures),
        dict(checkpoint.header.repetition_strength),
    )
    for genre in genres:
        best = best_of(ways_tried(checkpoint, shards, genre, songs, seed, on_tried))
        temperatures[genre], repetition_strength[genre] = best.temperature, best.repetition_strength
    header = checkpoint.header.model_copy(
        update={"temperatures": temperatures, "repetition_strength": repetition_strength}
    )
    return replace(checkpoint, header=header)


def ways_tried(
    checkpoint: Checkpoint, shards: list[Shard], genre: str, songs: int, seed: int, on_tried: OnTried
) -> list[Tried]:
    """Every pair of ``TEMPERATURES`` and ``RETURNS`` with ``songs`` songs of the same seeds."""
    bars = excerpt_bars(held_out(shards, genre))
    train = [pair for pair in all_pieces(shards, "train") if pair[1].genre == genre]
    samples = real_samples(drawn(train, REFERENCE_PIECES, np.random.default_rng(seed)), bars)
    real = measure([each.events for each in samples])
    tried = []
    for repetition_strength in RETURNS:
        for temperature in TEMPERATURES:
            made = _songs(checkpoint, genre, temperature, repetition_strength, bars, songs, seed)
            tried.append(Tried(genre, temperature, repetition_strength, *_distances(real, samples, made, seed)))
            on_tried(tried[-1])
    return tried


def _songs(
    checkpoint: Checkpoint, genre: str, temperature: float, repetition_strength: float, bars: int, songs: int, seed: int
) -> list[Sample]:
    way = {"temperatures": {genre: temperature}, "repetition_strength": {genre: repetition_strength}}
    band = Composer(replace(checkpoint, header=checkpoint.header.model_copy(update=way)))
    return composed_samples(compose_songs(band, genre, bars, songs, seed, randomness=RANDOMNESS), bars)


def _distances(real: Measured, samples: Sequence[Sample], made: Sequence[Sample], seed: int) -> tuple[float, float]:
    songs = measure([each.events for each in made])
    rows = statistics(real, [each.work for each in samples], songs, seed)
    ratios = [row["ratio"] for row in structure_report(rows).values()]
    return excess_of(rows), float(np.mean(np.abs(np.log(np.clip(ratios, 0.05, 20)))))


def excess_of(rows: Sequence[dict[str, Any]]) -> float:
    """Mean over the statistics of log (distance to real / distance between real halves), from 0 to ``_FARTHEST``."""
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None and math.isfinite(row["ratio"])]
    return float(np.mean(np.clip(np.log(np.maximum(ratios, 1e-9)), 0, _FARTHEST)))


def best_of(tried: Sequence[Tried]) -> Tried:
    """The least distance on a parabola through the temperatures of each weight: single cells are too noisy to trust."""
    found: list[tuple[float, Tried]] = []
    for repetition_strength in sorted({each.repetition_strength for each in tried}):
        own = [each for each in tried if each.repetition_strength == repetition_strength]
        places = np.array([each.temperature for each in own])
        curve = np.polynomial.Polynomial.fit(places, [each.distance for each in own], min(2, len(own) - 1))
        fine = np.linspace(places.min(), places.max(), 61)
        at = int(np.argmin(curve(fine)))
        nearest = own[int(np.argmin(np.abs(places - fine[at])))]
        found.append((float(curve(fine)[at]), replace(nearest, temperature=round(float(fine[at]), 3))))
    return min(found, key=lambda each: each[0])[1]
