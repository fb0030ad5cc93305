"""Counts the pooled statistics of training pieces (``composer.planning.pooled``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.model.config import chord_role
from composer.model.planner_config import CELLS, FEWEST_PIECES, KEYS, OUTCOMES
from composer.planning.pooled import TEMPOS, PooledStatistics, cell_of, has_same_chords, outcome_of
from midi_data.analysis.activity import UNCONDITIONED
from midi_data.analysis.repetition import lag_index, similarity_level
from midi_data.events.encoding import Ints

DEFAULT_METER = (4, 4)
_TEMPO_SPREAD = 0.025
"""Width of the kernel over tempos, in octaves."""


@dataclass(frozen=True, slots=True, eq=False)
class PieceFacts:
    """What one piece adds.

    ``repetition``, ``source_lag`` (bars,) and ``part_repetition`` (bars, parts): labels of the piece. ``chords``
    (bars, 2).
    """

    genre_row: int
    style: int
    bpm: float
    meter: tuple[int, int]
    key: int
    band: tuple[int, ...]
    repetition: Ints
    source_lag: Ints
    part_repetition: Ints
    chords: Ints


def pooled_statistics(
    pieces: Sequence[PieceFacts], genres: int, styles: int, meters: Ints | None = None
) -> PooledStatistics:
    """Statistics of ``pieces``; rows of fewer than ``FEWEST_PIECES`` pieces are 0.

    ``meters`` (M, 2): those that are counted; by default all of at least ``FEWEST_PIECES`` pieces.
    """
    rows = genres + styles
    meters = usual_meters(pieces) if meters is None else meters
    count = np.zeros(rows, dtype=np.int64)
    tempo, key = np.zeros((rows, len(TEMPOS))), np.zeros((rows, KEYS))
    meter = np.zeros((rows, len(meters)))
    for piece in pieces:
        for row in {piece.genre_row, genres, genres + piece.style}:
            count[row] += 1
            tempo[row] += tempo_kernel(piece.bpm)
            meter[row, np.flatnonzero((meters == piece.meter).all(axis=1))] += 1
            key[row, piece.key] += 1
    part_pieces, part_repetition = _part_repetition(pieces, genres)
    return PooledStatistics(
        np.where(count >= FEWEST_PIECES, count, 0),
        _shares(tempo, count),
        meters,
        _shares(meter, count),
        _shares(key, count),
        np.where(part_pieces >= FEWEST_PIECES, part_pieces, 0),
        _shares(part_repetition, part_pieces),
    )


def usual_meters(pieces: Iterable[PieceFacts]) -> Ints:
    """(M, 2) meters of at least ``FEWEST_PIECES`` pieces; 4/4 if there is none."""
    counts = Counter(piece.meter for piece in pieces)
    return np.array(sorted(each for each, found in counts.items() if found >= FEWEST_PIECES) or [DEFAULT_METER])


def tempo_kernel(bpm: float) -> NDArray[np.float64]:
    """(BPM,) weight of a piece's tempo on the tempos near it; sums to 1."""
    weights = np.exp(-0.5 * (np.log2(TEMPOS / np.clip(bpm, TEMPOS[0], TEMPOS[-1])) / _TEMPO_SPREAD) ** 2)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _part_repetition(pieces: Iterable[PieceFacts], genres: int) -> tuple[Ints, NDArray[np.float64]]:
    """((1 + genres) · C,) pieces and (…, O) counts of each cell, the first C over all genres."""
    counts, pieces_of = np.zeros(((1 + genres) * CELLS, OUTCOMES)), np.zeros((1 + genres) * CELLS, dtype=np.int64)
    for piece in pieces:
        own = np.zeros((CELLS, OUTCOMES))
        levels, lags = similarity_level(piece.repetition), lag_index(piece.repetition)
        for column, part in enumerate(piece.band):
            before = 0
            for bar, label in enumerate(piece.part_repetition[:, column].tolist()):
                if label == UNCONDITIONED:
                    before = 0
                    continue
                level = int(levels[bar])
                lag = int(lags[bar]) if level else -1
                same = has_same_chords(piece.chords, bar, lag, int(piece.source_lag[bar]))
                own[cell_of(chord_role(part), level, before, same_chords=same), outcome_of(label, lag)] += 1
                before = 1 + (0 if label <= 1 else (label - 2) % 3 + 1)
        for first in (0, (1 + piece.genre_row) * CELLS):
            counts[first : first + CELLS] += own
            pieces_of[first : first + CELLS] += own.any(axis=1)
    return pieces_of, counts


def _shares(counts: NDArray[np.float64], pieces: Ints) -> NDArray[np.float64]:
    """Rows of ``counts`` as shares; 0 where ``pieces`` are too few."""
    enough = (pieces >= FEWEST_PIECES)[:, None]
    return np.where(enough, counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9), 0.0)
