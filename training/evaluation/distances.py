"""Distance of songs to real pieces, compared with the distance between two halves of the real pieces.

The real works are split into random halves many times; one half is compared with the other and with as many songs, so
sample sizes are equal. Each split draws one excerpt of each work, since excerpts of a work are alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

Floats = NDArray[np.float64]
Distance = Callable[[Floats, Floats], float]

SPLITS = 200
INTERVAL = (0.05, 0.95)
"""Quantiles of every interval: 90 % of the splits (or draws)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians over the splits, with their intervals. ``ratio`` of the medians is None if real halves do not differ."""

    songs: float
    songs_interval: tuple[float, float]
    halves: float
    halves_interval: tuple[float, float]
    ratio: float | None
    ratio_interval: tuple[float, float] | None
    works: int
    composed: int


def wasserstein(one: Floats, other: Floats) -> float:
    """1-D Wasserstein-1 distance of two samples, in the statistic's unit; NaN values are left out."""
    one, other = one[~np.isnan(one)], other[~np.isnan(other)]
    return float(wasserstein_distance(one, other)) if len(one) and len(other) else math.nan


def jensen_shannon(one: Floats, other: Floats) -> float:
    """Jensen–Shannon divergence in bits, 0 … 1, of two samples' mean histograms (rows of counts) (Lin 1991)."""
    p, q = mean_histogram(one), mean_histogram(other)
    if p is None or q is None:
        return math.nan
    middle = (p + q) / 2
    return max(0.0, (_relative(p, middle) + _relative(q, middle)) / 2)


def mean_histogram(counts: Floats) -> Floats | None:
    """(bins,) mean of the rows' shares, each row with the same weight; None if all rows (N, bins) are empty."""
    total = counts.sum(axis=1)
    filled = counts[total > 0] / total[total > 0][:, None]
    return filled.mean(axis=0) if len(filled) else None


def _relative(p: Floats, q: Floats) -> float:
    own = p > 0
    return float((p[own] * np.log2(p[own] / q[own])).sum())


def compare(
    real: Floats, works: Sequence[str], songs: Floats, distance: Distance, seed: int, splits: int = SPLITS
) -> Comparison:
    """Distances of ``songs`` (M, …) to halves of ``real`` (N, …), and between halves, over random splits by work."""
    rng = np.random.default_rng(seed)
    by_work = [np.flatnonzero(np.asarray(works) == work) for work in sorted(set(works))]
    half = len(by_work) // 2
    pairs = []
    for _ in range(splits):
        rows = np.array([rng.choice(own) for own in by_work])[rng.permutation(len(by_work))]
        first, second = real[rows[:half]], real[rows[half : 2 * half]]
        ours = songs[rng.choice(len(songs), half, replace=len(songs) < half)]
        pairs.append((distance(first, ours), distance(first, second)))
    return _comparison(np.array(pairs), len(by_work), len(songs))


def _comparison(pairs: Floats, works: int, composed: int) -> Comparison:
    known = pairs[~np.isnan(pairs).any(axis=1)]
    if not len(known):
        unknown = (math.nan, math.nan)
        return Comparison(math.nan, unknown, math.nan, unknown, None, None, works, composed)
    ours, halves = (float(np.median(column)) for column in known.T)
    within = [interval(column) for column in known.T]
    ratio = ours / halves if halves > 0 else None
    spread = (within[0][0] / halves, within[0][1] / halves) if halves > 0 else None
    return Comparison(ours, within[0], halves, within[1], ratio, spread, works, composed)


def interval(values: Floats) -> tuple[float, float]:
    """The ``INTERVAL`` quantiles of ``values``; NaN ones are left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return (math.nan, math.nan)
    low, high = np.quantile(known, INTERVAL)
    return (float(low), float(high))


def mean_with_interval(
    values: Floats, groups: Sequence[str], seed: int, draws: int = 1000
) -> tuple[float, tuple[float, float]]:
    """Mean over groups of their means, and its bootstrap interval over groups (Efron 1979); NaN values left out."""
    names = np.asarray(groups)
    means = np.array([np.mean(known) for name in sorted(set(groups)) if len(known := _known(values[names == name]))])
    if not len(means):
        return (math.nan, (math.nan, math.nan))
    again = np.random.default_rng(seed).integers(len(means), size=(draws, len(means)))
    return float(means.mean()), interval(means[again].mean(axis=1))


def _known(values: Floats) -> Floats:
    kept: Floats = values[~np.isnan(values)]
    return kept
