"""Activity of each part in each bar (notes a bar in bins), and the ranges, scale and grid that a piece uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import BarGrid
from midi_data.events.encoding import DRUM_PITCH, DURATIONS, PART_LIMIT, EventSequence, Ints
from midi_data.song import TICKS_PER_QUARTER

Activity = NDArray[np.uint8]
"""(bars, parts) activity bins."""

UNCONDITIONED, RESTS = 0, 1
"""Bins: not known; no notes."""
ACTIVITY_EDGES = (1, 2, 4, 7, 12, 20)
"""Fewest notes a bar of each bin above ``RESTS``."""
ACTIVITY_CLASSES = 2 + len(ACTIVITY_EDGES)
TYPICAL_NOTES = np.array([0, 0, 1, 2.4, 5, 9, 15, 26])
"""Typical notes a bar of each bin."""
BAND_ACTIVITY_CLASSES = 15
MASK_COLUMNS = ("grid", "pitch_classes")
"""Bit masks of a piece: ticks in the quarter, pitch classes. Then of each part: lowest and highest pitch, softest and
loudest velocity class, notes at once."""
MASK_VALUES_PER_PART = 5
MASKS_WIDTH = len(MASK_COLUMNS) + MASK_VALUES_PER_PART * PART_LIMIT
RELEASE_TICKS = 2
"""Longest overlap with a later note that counts as a late release, not as polyphony."""
_VOICES_QUANTILE = 0.99
"""Share of a part's onsets at which no more notes sound than its notes at once."""
_RARE = 0.004
"""Largest share of notes that is ignored in the bit masks."""


def activity_of(events: EventSequence, grid: BarGrid) -> Activity:
    """(bars, parts of the band) activity bins, none of them ``UNCONDITIONED``."""
    band = np.array(events.band)
    counts = np.zeros((len(grid), len(band)), dtype=np.int64)
    np.add.at(counts, (grid.bar_of(events.onset), np.searchsorted(band, events.part)), 1)
    return (RESTS + np.searchsorted(ACTIVITY_EDGES, counts, side="right")).astype(np.uint8)


def band_activity_bins(activity: Activity) -> Ints:
    """(bars,) bins of the band's typical notes a bar: 0 unconditioned, 1 none, from 2 on half octaves."""
    notes = TYPICAL_NOTES[activity].sum(axis=-1)
    steps = 2 + np.minimum(np.round(2 * np.log2(np.maximum(notes, 1))), BAND_ACTIVITY_CLASSES - 3).astype(np.int64)
    conditioned = (activity != UNCONDITIONED).any(axis=-1)
    return np.where(conditioned, np.where(notes > 0, steps, 1), 0)


def masks_of(events: EventSequence) -> Ints:
    """(``MASKS_WIDTH``,) values that a piece uses, as in ``MASK_COLUMNS``; −1 for missing parts."""
    row = np.full(MASKS_WIDTH, -1, dtype=np.int64)
    row[0] = _bits(events.onset % TICKS_PER_QUARTER)
    row[1] = _bits(events.pitch[events.pitch < DRUM_PITCH] % 12)
    for index, part in enumerate(events.band):
        own = events.part == part
        pitch, velocity = events.pitch[own], events.velocity[own]
        first = len(MASK_COLUMNS) + MASK_VALUES_PER_PART * index
        voices = _voices(events.onset[own], np.asarray(DURATIONS)[events.duration[own]])
        row[first : first + MASK_VALUES_PER_PART] = pitch.min(), pitch.max(), velocity.min(), velocity.max(), voices
    return row


def _voices(onset: Ints, duration: Ints) -> int:
    """Notes at once at 99 % of the onsets. ``onset`` rises; both in ticks."""
    at = np.unique(onset)
    begun = np.searchsorted(onset, at, side="right")
    ends = np.sort(onset + np.maximum(duration, RELEASE_TICKS + 1))
    over = np.searchsorted(ends, at + RELEASE_TICKS, side="right")
    return int(np.quantile(begun - over, _VOICES_QUANTILE, method="higher"))


def _bits(values: Ints) -> int:
    """Bit mask of the values that are not rare."""
    counts = np.bincount(values, minlength=1)
    return int(sum(1 << value for value in np.flatnonzero(counts > _RARE * counts.sum()).tolist()))
