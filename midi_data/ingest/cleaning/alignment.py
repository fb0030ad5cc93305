"""Whether a file's notes lie on its beats, and how far quantising moves them.

A recording without a beat map has its onsets spread evenly over the quarter. Measured in the file's own ticks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from midi_data.io.midi_file import MidiReading
from midi_data.song import TICKS_PER_QUARTER

DIVISIONS = (1, 2, 3, 4, 6, 8)
"""Divisions of a quarter: quarters to 32nds, triplets and sextuplets."""
FEWEST_ONSETS = 100
UNALIGNED = 0.12
"""Strength below which a file is unaligned (played to a click with 20 ms of scatter: above 0.5)."""
_CHANCE = 7.0
"""Random onsets reach a strength of √(7 / onsets) in one file of two hundred."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """``strength``: 0–1, of the best division (1: all on it). ``moved``: ticks of the song grid, mean and most."""

    onsets: int
    strength: float
    moved: float
    moved_most: float

    @property
    def clearly_unaligned(self) -> bool:
        """Whether the onsets are no closer to any division than random ones."""
        enough = max(self.onsets, 1)
        return self.onsets >= FEWEST_ONSETS and self.strength < max(UNALIGNED, (_CHANCE / enough) ** 0.5)


def alignment_of(reading: MidiReading) -> Alignment:
    """Return the alignment of a file with notes."""
    quarters = np.concatenate([part.notes.onset for part in reading.parts]) / reading.ticks_per_quarter
    grid = quarters * TICKS_PER_QUARTER
    moved = np.abs(grid - np.floor(grid + 0.5))
    distinct = np.unique(quarters)
    return Alignment(len(distinct), grid_strength(distinct), float(moved.mean()), float(moved.max()))


def grid_strength(quarters: NDArray[np.float64]) -> float:
    """Return the mean phase vector's length, 0–1, at the best division (Mardia & Jupp, Directional Statistics, 2000).

    ``quarters``: (N,) onsets.
    """
    turns = 2j * np.pi * np.asarray(DIVISIONS)[:, None] * quarters[None, :]
    return float(np.abs(np.exp(turns).mean(axis=1)).max())
