"""Whether a training begins to recite: how much of composed songs stands note for note in the training pieces.

Knows pieces and songs as events; what an n-gram is says ``midi_data.analysis.novelty``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from midi_data.analysis.novelty import Grams, copy_rate, grams
from midi_data.events.encoding import EventSequence

Named = Iterable[tuple[str, EventSequence]]


@dataclass(frozen=True, slots=True)
class NearestPiece:
    """The training piece that shares most n-grams with a song: how many of the song's, of all it has."""

    name: str
    shared: int
    grams: int


class CopyWatch:
    """Remembers n-grams of training pieces, not the pieces; ``real_rate`` is how often held-out ones repeat them."""

    def __init__(self, train: Named, held_out: Sequence[EventSequence]) -> None:
        self._pieces = [(name, np.unique(grams(events))) for name, events in train]
        self._heard: Grams = np.unique(
            np.concatenate([*(own for _, own in self._pieces), np.zeros(0, dtype=np.uint64)])
        )
        self.real_rate = self.rate(held_out)

    def rate(self, songs: Sequence[EventSequence]) -> float:
        """Mean share of the songs' n-grams that training pieces have; 0 where no song has a line to compare."""
        rates = [copy_rate(grams(song), self._heard) for song in songs]
        known = [rate for rate in rates if not math.isnan(rate)]
        return sum(known) / len(known) if known else 0.0

    def recites(self, rate: float) -> bool:
        """Whether songs repeat more than real held-out pieces do."""
        return rate > self.real_rate

    def nearest(self, song: EventSequence) -> NearestPiece | None:
        """The training piece most of the song's n-grams are from; None where it shares none."""
        own = np.unique(grams(song))
        shared = [(int(np.isin(own, theirs).sum()), name) for name, theirs in self._pieces]
        most, name = max(shared, default=(0, ""))
        return NearestPiece(name, most, len(own)) if most else None
