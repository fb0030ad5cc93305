"""Whether a file's beats lie where its music has them, and how far quantising moves its notes.

A recording without a beat map spreads its onsets evenly over the quarter: no division of it stands out. Judged on the
file's own ticks, before quantising.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from midi_data.io.midi_file import MidiReading
from midi_data.song import TICKS_PER_QUARTER

DIVISIONS = (1, 2, 3, 4, 6, 8)
"""Parts of a quarter at which music meets the grid: quarters to 32nds, triplets and sextuplets."""
FEWEST_ONSETS = 100
UNALIGNED = 0.12
"""Strength below which no division stands out (played to a click with 20 ms of scatter: above 0.5)."""
_CHANCE = 7.0
"""Even onsets reach a strength of √(7 / onsets) in one file of two hundred."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """``strength`` 0–1 of the best division (1: every onset on it); ``moved`` ticks of the song grid, mean and most."""

    onsets: int
    strength: float
    moved: float
    moved_most: float

    @property
    def clearly_unaligned(self) -> bool:
        """Whether the onsets stand no closer to any division than chance has them."""
        enough = max(self.onsets, 1)
        return self.onsets >= FEWEST_ONSETS and self.strength < max(UNALIGNED, (_CHANCE / enough) ** 0.5)


def alignment_of(reading: MidiReading) -> Alignment:
    """The alignment of a file with notes."""
    quarters = np.concatenate([part.notes.onset for part in reading.parts]) / reading.ticks_per_quarter
    grid = quarters * TICKS_PER_QUARTER
    moved = np.abs(grid - np.floor(grid + 0.5))
    distinct = np.unique(quarters)
    return Alignment(len(distinct), grid_strength(distinct), float(moved.mean()), float(moved.max()))


def grid_strength(quarters: NDArray[np.float64]) -> float:
    """Length of the mean phase vector (Mardia & Jupp, Directional Statistics, 2000) at the best division; 0–1."""
    turns = 2j * np.pi * np.asarray(DIVISIONS)[:, None] * quarters[None, :]
    return float(np.abs(np.exp(turns).mean(axis=1)).max())
