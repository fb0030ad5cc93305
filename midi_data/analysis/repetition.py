"""Repetition labels of bars and parts: new, or how similar to which earlier bar.

The source of a bar lies at one of ``LAGS``, or at any distance (``source_lag``), which then replaces the last lag.
Similarity of two bars is the Jaccard index of their notes (position in the bar, part, pitch).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import BarGrid
from midi_data.events.encoding import EventSequence, Ints, part_instrument
from midi_data.events.features import LAGS, NONE, ONSET_SHIFT, PART_SHIFT

UNCONDITIONED, NEW = 0, 1
"""Labels: not known; no similar earlier bar. Others are 2 + 3 × lag index + similarity level − 1."""
Doubles = NDArray[np.float64]
SIMILARITY_EDGES = (0.35, 0.75, 0.97)
"""Lowest similarity of a varied, a nearly same and a same bar."""
REPETITION_CLASSES = 2 + len(LAGS) * len(SIMILARITY_EDGES)
MAX_LAG = 64
"""Bars between a bar and its farthest possible source."""
TRAINING_PITCH_DROPOUT = (0.7, 0.2, 0.05, 0.02)
"""Probability in training that a pitched part's lookback pitches are dropped in a bar, by similarity level."""
_LAG_MARGIN = 0.02
"""A bar at the next farther lag must be this much more similar to be the source."""
_OWN_MARGIN = 0.05
"""A part has a source of its own if the bar's source is this much less similar."""
_FREE_MARGIN = 0.04
"""A bar at any distance must be this much more similar than one at a lag."""
_BAR_KEY = 1 << 44
"""Factor of the bar number in keys of notes."""


def similarity_level(repetition: Ints) -> Ints:
    """0 new or unconditioned, 1 varied, 2 nearly the same, 3 the same; any shape."""
    return np.where(repetition <= NEW, 0, (repetition - 2) % len(SIMILARITY_EDGES) + 1)


def lag_index(repetition: Ints) -> Ints:
    """Index into ``LAGS`` of the source; 0 for new bars; any shape."""
    return np.maximum(repetition - 2, 0) // len(SIMILARITY_EDGES)


def draw_pitch_dropout(
    uniform: NDArray[np.float64], part_repetition: NDArray[np.integer], band: tuple[int, ...], rates: tuple[float, ...]
) -> NDArray[np.bool_]:
    """(bars, parts of ``band``) where a pitched part's lookback pitches are dropped, at ``rates`` by similarity level.

    ``uniform``: random numbers in [0, 1), ``part_repetition``: labels, both (bars, parts of ``band``). Onsets,
    durations and velocities are never dropped.
    """
    pitched = np.array([not part_instrument(part)[1] for part in band], dtype=np.bool_)
    levels = similarity_level(part_repetition.astype(np.int64))
    dropped: NDArray[np.bool_] = pitched & (uniform < np.asarray(rates)[levels])
    return dropped


def by_part_class(table: NDArray[np.bool_], band: tuple[int, ...]) -> NDArray[np.bool_]:
    """(bars, part classes + none): the columns of ``table`` (bars, parts of ``band``) at their part classes."""
    spread = np.zeros((len(table), NONE["part"] + 1), dtype=np.bool_)
    spread[:, list(band)] = table
    return spread


def repetition_of(events: EventSequence, grid: BarGrid) -> tuple[Ints, Ints]:
    """(bars,) repetition labels; (bars,) source lags in bars, ``LAGS[-1]`` unless the source is elsewhere."""
    everywhere = bar_similarities(events, grid)  # (MAX_LAG, bars)
    bars = np.arange(len(grid))
    favoured = everywhere - _FREE_MARGIN * (np.arange(1, len(everywhere) + 1) != LAGS[-1])[:, None]
    source_lag = np.where(favoured.max(axis=0) > 0, favoured.argmax(axis=0) + 1, LAGS[-1])
    similarity = np.stack([*(everywhere[lag - 1] for lag in LAGS[:-1]), everywhere[source_lag - 1, bars]])  # (K, bars)
    favoured = similarity - _LAG_MARGIN * np.arange(len(LAGS))[:, None]
    favoured[-1] -= _FREE_MARGIN * (source_lag != LAGS[-1])
    source = favoured.argmax(axis=0)
    level = np.searchsorted(SIMILARITY_EDGES, similarity[source, bars], side="right")
    return _labels(source, level), np.where((level > 0) & (source == len(LAGS) - 1), source_lag, LAGS[-1])


def part_repetition_of(events: EventSequence, grid: BarGrid, repetition: Ints, source_lag: Ints) -> Ints:
    """(bars, parts of the band) repetition labels of each part, ``UNCONDITIONED`` where it rests in the bar."""
    similarity, size = _part_similarities(events, grid, source_lag)
    favoured = similarity - _LAG_MARGIN * np.arange(len(LAGS))[:, None, None]
    favoured[lag_index(repetition), np.arange(len(grid))] += np.where(repetition > NEW, _OWN_MARGIN, 0)[:, None]
    source = favoured.argmax(axis=0)
    found = np.take_along_axis(similarity, source[None], axis=0)[0]
    level = np.searchsorted(SIMILARITY_EDGES, found, side="right")
    return np.where(size == 0, UNCONDITIONED, _labels(source, level))


def _labels(source: Ints, level: Ints) -> Ints:
    """Labels from lag indices and similarity levels."""
    return np.where(level == 0, NEW, 2 + len(SIMILARITY_EDGES) * source + level - 1)


def _part_similarities(events: EventSequence, grid: BarGrid, source_lag: Ints) -> tuple[Doubles, Ints]:
    """(K, bars, parts) similarity of each part's bar to the bars at each lag; (bars, parts) number of notes."""
    bars, parts = len(grid), len(events.band)
    bar, key = _keys(events, grid)
    cell = bar * parts + np.searchsorted(np.array(events.band), events.part)
    rising = np.sort(bar * _BAR_KEY + key)
    size = np.bincount(cell, minlength=bars * parts).reshape(bars, parts)
    similarity = np.zeros((len(LAGS), bars, parts))
    for index, lag in enumerate([*(np.full(bars, lag) for lag in LAGS[:-1]), source_lag]):
        earlier = np.arange(bars) - lag
        common = _is_in(earlier[bar] * _BAR_KEY + key, rising)
        shared = np.bincount(cell[common], minlength=bars * parts).reshape(bars, parts)
        before = np.where((earlier >= 0)[:, None], size[np.maximum(earlier, 0)], 0)
        similarity[index] = shared / np.maximum(size + before - shared, 1)
    return similarity, size


def bar_similarities(events: EventSequence, grid: BarGrid) -> Doubles:
    """(``MAX_LAG``, bars) similarity of each bar to those 1 … ``MAX_LAG`` bars earlier; 0 where both are empty."""
    bar, key = _keys(events, grid)
    order = np.argsort(bar * _BAR_KEY + key)
    key, bar = key[order], bar[order]
    bars = len(grid)
    size = np.bincount(bar, minlength=bars)
    similarity = np.zeros((MAX_LAG, bars))
    for lag in range(1, min(MAX_LAG, bars - 1) + 1):
        shared = np.bincount(bar[_is_in((bar - lag) * _BAR_KEY + key, bar * _BAR_KEY + key)], minlength=bars)
        similarity[lag - 1, lag:] = shared[lag:] / np.maximum(size[lag:] + size[:-lag] - shared[lag:], 1)
    return similarity


def _keys(events: EventSequence, grid: BarGrid) -> tuple[Ints, Ints]:
    """(N,) bar of each note, and its key of position in the bar, part and pitch."""
    bar = grid.bar_of(events.onset)
    return bar, ((events.onset - grid.first_tick[bar]) << ONSET_SHIFT) + (events.part << PART_SHIFT) + events.pitch


def _is_in(wanted: Ints, rising: Ints) -> NDArray[np.bool_]:
    """Which of ``wanted`` are in ``rising``; same shape as ``wanted``."""
    if not len(rising):
        return np.zeros(0, dtype=np.bool_)
    at = np.searchsorted(rising, wanted)
    same: NDArray[np.bool_] = rising[np.minimum(at, len(rising) - 1)] == wanted
    return same
