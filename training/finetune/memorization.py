"""Memorisation check: share of composed 12-note figures that occur in the training pieces.

``midi_data.analysis.novelty`` defines the figures (n-grams).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from midi_data.analysis.novelty import Grams, copy_rate, grams
from midi_data.events.encoding import EventSequence

NamedPieces = Iterable[tuple[str, EventSequence]]


@dataclass(frozen=True, slots=True)
class NearestPiece:
    """The training piece that shares most n-grams with a song: ``shared`` of the song's ``grams``."""

    name: str
    shared: int
    grams: int


class MemorizationCheck:
    """Copy rates against the n-grams of training pieces. ``real_rate``: copy rate of held-out pieces."""

    def __init__(self, train: NamedPieces, held_out: Sequence[EventSequence]) -> None:
        self._pieces = [(name, np.unique(grams(events))) for name, events in train]
        self._known: Grams = np.unique(
            np.concatenate([*(own for _, own in self._pieces), np.zeros(0, dtype=np.uint64)])
        )
        self.real_rate = self.rate(held_out)

    def rate(self, songs: Sequence[EventSequence]) -> float:
        """Mean share of the songs' n-grams that training pieces contain; 0 if no song has an n-gram."""
        rates = [copy_rate(grams(song), self._known) for song in songs]
        known = [rate for rate in rates if not math.isnan(rate)]
        return sum(known) / len(known) if known else 0.0

    def is_memorized(self, rate: float) -> bool:
        """Whether ``rate`` is above that of held-out pieces."""
        return rate > self.real_rate

    def nearest(self, song: EventSequence) -> NearestPiece | None:
        """The training piece that shares most n-grams with ``song``; None if none shares any."""
        own = np.unique(grams(song))
        shared = [(int(np.isin(own, theirs).sum()), name) for name, theirs in self._pieces]
        most, name = max(shared, default=(0, ""))
        return NearestPiece(name, most, len(own)) if most else None
