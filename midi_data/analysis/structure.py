"""Self-similarity of a piece: similarity of every two bars, and its means over ranges of distance.

Similarity is the Jaccard index of the bars' notes (position in the bar, part, pitch), as in
``midi_data.analysis.repetition``. Self-similarity matrices: Foote (1999), "Visualizing music and audio using
self-similarity".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.metrics import onset_slots
from midi_data.bars import BarGrid
from midi_data.events.encoding import EventSequence, Ints
from midi_data.events.features import ONSET_SHIFT, PART_SHIFT

LAG_RANGES: dict[str, tuple[int, int]] = {"1_8": (1, 8), "8_16": (8, 16), "16_up": (16, 1 << 30)}
"""Bars apart, from the first up to but not including the second."""

Matrix = NDArray[np.float64]


def self_similarity(events: EventSequence) -> Matrix:
    """(bars, bars) Jaccard similarity, symmetric, 1 on the diagonal; NaN where both bars are empty."""
    grid = BarGrid.of(events.meters, events.end)
    bar = grid.bar_of(events.onset)
    key = ((events.onset - grid.first_tick[bar]) << ONSET_SHIFT) + (events.part << PART_SHIFT) + events.pitch
    return _jaccard(bar, key, len(grid))


def rhythm_similarity(events: EventSequence) -> Matrix:
    """(bars, bars) Jaccard similarity of the sixteenths in which any note begins; NaN where both bars are empty."""
    slots = onset_slots(events, BarGrid.of(events.meters, events.end))
    bar, slot = np.nonzero(slots)
    return _jaccard(bar, slot, len(slots))


def structure(events: EventSequence) -> dict[str, float]:
    """Mean similarity of bars in each lag range, mean best match in each, and mean similarity of rhythms 4 bars apart.

    ``similarity_*``: all pairs at that distance. ``best_match_*``: each bar and the most similar bar that far before.
    NaN where the piece is too short for the range.
    """
    similarity, rhythm = self_similarity(events), rhythm_similarity(events)
    result = {}
    for name, (low, high) in LAG_RANGES.items():
        result[f"similarity_{name}"] = mean_at(similarity, low, high)
        result[f"best_match_{name}"] = best_at(similarity, low, high)
    result["rhythm_similarity_4"] = mean_at(rhythm, 4, 5)
    return result


def mean_at(similarity: Matrix, low: int, high: int) -> float:
    """Mean of the similarity of bars ``low`` … ``high`` − 1 apart; NaN where there are none."""
    values = similarity[_apart(len(similarity), low, high)]
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else math.nan


def best_at(similarity: Matrix, low: int, high: int) -> float:
    """Mean over bars of the largest similarity to a bar ``low`` … ``high`` − 1 before; NaN where there are none."""
    allowed = _apart(len(similarity), low, high) & ~np.isnan(similarity)
    best = np.where(allowed, similarity, -1.0).max(axis=1, initial=-1.0)
    return float(best[best >= 0].mean()) if (best >= 0).any() else math.nan


def _apart(bars: int, low: int, high: int) -> NDArray[np.bool_]:
    """(bars, bars) where the second bar lies ``low`` … ``high`` − 1 before the first."""
    lag = np.arange(bars)[:, None] - np.arange(bars)[None, :]
    return (lag >= low) & (lag < high)


def _jaccard(bar: Ints, key: Ints, bars: int) -> Matrix:
    names, column = np.unique(key, return_inverse=True)
    present = np.zeros((bars, len(names)), dtype=np.float32)
    present[bar, column] = 1
    common = (present @ present.T).astype(np.float64)
    size = np.diag(common)
    union = size[:, None] + size[None, :] - common
    return np.where(union > 0, common / np.maximum(union, 1), np.nan)
