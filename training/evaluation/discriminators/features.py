"""All statistics of excerpts, as named columns and as one matrix of features for the boosted trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.histograms import HISTOGRAMS, histograms
from midi_data.analysis.metrics import scalars
from midi_data.analysis.structure import structure
from midi_data.events.encoding import EventSequence

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """``N`` excerpts measured: ``scalars`` name → (N,), ``histograms`` name → (N, bins) counts."""

    scalars: dict[str, Floats]
    histograms: dict[str, Floats]

    @property
    def rows(self) -> Floats:
        """(N, features): the scalars (−1 where there is none: all real values are above), each histogram's shares."""
        shares = [counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) for counts in self.histograms.values()]
        return np.column_stack([*(np.nan_to_num(each, nan=-1) for each in self.scalars.values()), *shares])


def measure(excerpts: Sequence[EventSequence]) -> Measured:
    """Measure at least one excerpt."""
    numbers = [{**scalars(each), **structure(each)} for each in excerpts]
    counts = [histograms(each) for each in excerpts]
    return Measured(
        {name: np.array([row[name] for row in numbers]) for name in numbers[0]},
        {name: np.array([row[name] for row in counts], dtype=np.float64) for name in HISTOGRAMS},
    )
