"""Who plays in which bar, and how much: the arrangement of a song, and the habits of its parts.

A level is how many notes a part begins in a bar, in seven steps. Habits are the pitches, velocities, pitch classes and
beat divisions that a piece uses at all, and how many notes its parts hold at once. Knows notes and bars only; nothing
of networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import BarGrid
from midi_data.events.encoding import DRUM_PITCH, DURATIONS, PART_LIMIT, EventSequence, Ints
from midi_data.song import TICKS_PER_QUARTER

Activity = NDArray[np.uint8]

UNCONDITIONED, RESTS = 0, 1
ACTIVITY_EDGES = (1, 2, 4, 7, 12, 20)
"""Fewest notes a bar of each level above ``RESTS``."""
ACTIVITY_CLASSES = 2 + len(ACTIVITY_EDGES)
TYPICAL_NOTES = np.array([0, 0, 1, 2.4, 5, 9, 15, 26])
"""Notes a bar that a level stands for, by level."""
BAND_ACTIVITY_CLASSES = 15
MASK_COLUMNS = ("grid", "pitch_classes")
"""Bit masks of a piece: ticks into the quarter, pitch classes; then (low, high, quiet, loud, voices) of each part."""
MASK_VALUES_PER_PART = 5
MASKS_WIDTH = len(MASK_COLUMNS) + MASK_VALUES_PER_PART * PART_LIMIT
LET_GO_TICKS = 2
"""A note that rings no longer than this into another is over: hands let go a little late."""
_NEARLY_ALWAYS = 0.99
"""Share of a part's onsets at which no more notes sound than it is said to hold."""
_RARE = 0.004
"""Share of the notes up to which a division or a pitch class counts as a slip, not a habit."""


def activity_of(events: EventSequence, grid: BarGrid) -> Activity:
    """(bars, parts of the band) levels, none of them ``UNCONDITIONED``."""
    band = np.array(events.band)
    counts = np.zeros((len(grid), len(band)), dtype=np.int64)
    np.add.at(counts, (grid.bar_of(events.onset), np.searchsorted(band, events.part)), 1)
    return (RESTS + np.searchsorted(ACTIVITY_EDGES, counts, side="right")).astype(np.uint8)


def band_activity_bins(activity: Activity) -> Ints:
    """(bars,) how busy the band is: 0 nothing told, 1 no notes, from 2 on half octaves of notes a bar."""
    notes = TYPICAL_NOTES[activity].sum(axis=-1)
    steps = 2 + np.minimum(np.round(2 * np.log2(np.maximum(notes, 1))), BAND_ACTIVITY_CLASSES - 3).astype(np.int64)
    told = (activity != UNCONDITIONED).any(axis=-1)
    return np.where(told, np.where(notes > 0, steps, 1), 0)


def masks_of(events: EventSequence) -> Ints:
    """(2 + 5 × 16,) what a piece uses: see ``MASK_COLUMNS``; −1 where there is no part."""
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
    """How many notes a part holds at once when it plays, all but rarely at most. ``onset`` rises."""
    at = np.unique(onset)
    begun = np.searchsorted(onset, at, side="right")
    over = np.searchsorted(np.sort(onset + np.maximum(duration, LET_GO_TICKS + 1)), at + LET_GO_TICKS, side="right")
    return int(np.quantile(begun - over, _NEARLY_ALWAYS, method="higher"))


def _bits(values: Ints) -> int:
    counts = np.bincount(values, minlength=1)
    return int(sum(1 << value for value in np.flatnonzero(counts > _RARE * counts.sum()).tolist()))
