"""The form of a song, bar by bar: new, varied or repeated, and from how many bars ago. A plan before the first note.

A source lies at one of ``LAGS``, or at any distance: the last lag's look is turned to it in that bar (``source_lag``).

Likeness of two bars is the share of notes (position, part, pitch) that they have in common (Jaccard). Knows notes and
bars only; nothing of networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import BarGrid
from midi_data.events.encoding import EventSequence, Ints, part_instrument
from midi_data.events.features import LAGS, NONE, ONSET_SHIFT, PART_SHIFT

UNCONDITIONED, NEW = 0, 1
Floats = NDArray[np.float64]
SIMILARITY_EDGES = (0.35, 0.75, 0.97)
"""Likeness from which a bar counts as varied, nearly the same, the same as an earlier one."""
REPETITION_CLASSES = 2 + len(LAGS) * len(SIMILARITY_EDGES)
_TIE = 0.02
"""A bar at a farther lag must be this much more alike to be called the source."""
_OWN = 0.05
"""A bar's source must be this much less like in one part than another bar for the part to have a source of its own."""
_ANYWHERE = 0.04
"""A bar at another distance must be this much more alike than one at the last lag."""
FARTHEST = 64
"""Bars between a bar and the farthest source."""
_WIDE = 1 << 44

HIDING = (0.7, 0.2, 0.05, 0.02)
"""How often, in training, a pitched part that is new, varied, nearly the same, the same is not shown its pitches."""


def similarity_level(repetition: Ints) -> Ints:
    """0 new (or not told), 1 varied, 2 nearly the same, 3 the same."""
    return np.where(repetition <= NEW, 0, (repetition - 2) % len(SIMILARITY_EDGES) + 1)


def lag_index(repetition: Ints) -> Ints:
    """Which of ``LAGS`` each bar returns from; 0 for new bars."""
    return np.maximum(repetition - 2, 0) // len(SIMILARITY_EDGES)


def draw_pitch_dropout(rng: np.random.Generator, part_repetition: Ints, band: tuple[int, ...]) -> NDArray[np.bool_]:
    """(bars, part classes + none): in which bars a part is not shown the pitches it played.

    Drawn by the part's repetition label (``part_repetition``: bars, parts of ``band``). Onsets, durations and
    velocities are always shown; drums keep everything.
    """
    pitch_dropout = np.zeros((len(part_repetition), NONE["part"] + 1), dtype=np.bool_)
    pitched = np.array([not part_instrument(part)[1] for part in band], dtype=np.bool_)
    drawn = rng.random(part_repetition.shape) < np.asarray(HIDING)[similarity_level(part_repetition)]
    pitch_dropout[:, list(band)] = drawn & pitched
    return pitch_dropout


def repetition_of(events: EventSequence, grid: BarGrid) -> tuple[Ints, Ints]:
    """(bars,) classes: ``NEW``, or 2 + 3 × the index of the likest lag + how alike (0 varied … 2 the same).

    And ``source_lag`` (bars,): distance in bars of the last lag, ``LAGS[-1]`` unless another bar is most similar.
    """
    everywhere = bar_similarities(events, grid)
    bars = np.arange(len(grid))
    away = everywhere - _ANYWHERE * (np.arange(1, len(everywhere) + 1) != LAGS[-1])[:, None]
    source_lag = np.where(away.max(axis=0) > 0, away.argmax(axis=0) + 1, LAGS[-1])
    similarity = np.stack([*(everywhere[lag - 1] for lag in LAGS[:-1]), everywhere[source_lag - 1, bars]])
    favoured = similarity - _TIE * np.arange(len(LAGS))[:, None]
    favoured[-1] -= _ANYWHERE * (source_lag != LAGS[-1])
    source = favoured.argmax(axis=0)
    level = np.searchsorted(SIMILARITY_EDGES, similarity[source, bars], side="right")
    repetition = np.where(level == 0, NEW, 2 + len(SIMILARITY_EDGES) * source + level - 1)
    return repetition, np.where((level > 0) & (source == len(LAGS) - 1), source_lag, LAGS[-1])


def part_repetition_of(events: EventSequence, grid: BarGrid, repetition: Ints, source_lag: Ints) -> Ints:
    """(bars, parts of the band) the form of each part by itself, in the classes of a bar's.

    ``UNCONDITIONED`` where the part rests in the bar.
    """
    similarity, size = _part_similarities(events, grid, source_lag)
    favoured = similarity - _TIE * np.arange(len(LAGS))[:, None, None]
    of_bar = lag_index(repetition)
    favoured[of_bar, np.arange(len(grid))] += np.where(repetition > NEW, _OWN, 0)[:, None]
    source = favoured.argmax(axis=0)
    found = np.take_along_axis(similarity, source[None], axis=0)[0]
    level = np.searchsorted(SIMILARITY_EDGES, found, side="right")
    return np.where(size == 0, UNCONDITIONED, np.where(level == 0, NEW, 2 + len(SIMILARITY_EDGES) * source + level - 1))


def _part_similarities(events: EventSequence, grid: BarGrid, source_lag: Ints) -> tuple[Floats, Ints]:
    """(lags, bars, parts) likeness of each part's bar to its earlier ones, and (bars, parts) its notes."""
    bars, parts = len(grid), len(events.band)
    bar = grid.bar_of(events.onset)
    cell = bar * parts + np.searchsorted(np.array(events.band), events.part)
    key = ((events.onset - grid.first_tick[bar]) << ONSET_SHIFT) + (events.part << PART_SHIFT) + events.pitch
    rising = np.sort(bar * _WIDE + key)
    size = np.bincount(cell, minlength=bars * parts).reshape(bars, parts)
    similarity = np.zeros((len(LAGS), bars, parts))
    for place, lag in enumerate([*(np.full(bars, lag) for lag in LAGS[:-1]), source_lag]):
        earlier = np.arange(bars) - lag
        common = _found(earlier[bar] * _WIDE + key, rising)
        shared = np.bincount(cell[common], minlength=bars * parts).reshape(bars, parts)
        before = np.where((earlier >= 0)[:, None], size[np.maximum(earlier, 0)], 0)
        similarity[place] = shared / np.maximum(size + before - shared, 1)
    return similarity, size


def bar_similarities(events: EventSequence, grid: BarGrid) -> Floats:
    """(``FARTHEST``, bars) likeness of each bar to the ones 1 … ``FARTHEST`` bars before; 0 where both are empty."""
    bar = grid.bar_of(events.onset)
    key = ((events.onset - grid.first_tick[bar]) << ONSET_SHIFT) + (events.part << PART_SHIFT) + events.pitch
    order = np.argsort(bar * _WIDE + key)
    key, bar = key[order], bar[order]
    bars = len(grid)
    size = np.bincount(bar, minlength=bars)
    similarity = np.zeros((FARTHEST, bars))
    for lag in range(1, min(FARTHEST, bars - 1) + 1):
        shared = np.bincount(bar[_found((bar - lag) * _WIDE + key, bar * _WIDE + key)], minlength=bars)
        similarity[lag - 1, lag:] = shared[lag:] / np.maximum(size[lag:] + size[:-lag] - shared[lag:], 1)
    return similarity


def _found(wanted: Ints, rising: Ints) -> NDArray[np.bool_]:
    """Which of ``wanted`` are in ``rising``."""
    if not len(rising):
        return np.zeros(0, dtype=np.bool_)
    at = np.searchsorted(rising, wanted)
    same: NDArray[np.bool_] = rising[np.minimum(at, len(rising) - 1)] == wanted
    return same
