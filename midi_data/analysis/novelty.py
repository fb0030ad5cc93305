"""How much of a piece has been heard before: melodic n-grams that also stand in other pieces, in whatever key or speed.

An n-gram is 12 successive notes of a pitched part's top line, as 11 intervals (semitones) and 10 ratios of neighbouring
inter-onset intervals (in thirds of an octave): the same when transposed or played at another speed. Interval n-grams as
a test for copying: Yin et al. (2021), "A good algorithm does not steal – it imitates", EvoMUSART. Pedal points are
no copies: n-grams with fewer than three pitches are left out. Knows lines of notes, not whose they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.metrics import top_lines
from midi_data.events.encoding import EventSequence, Ints

GRAM_NOTES = 12
FEWEST_PITCHES = 3
RATIO_STEPS = 3
"""Classes an octave (a doubling) of inter-onset ratios."""

Grams = NDArray[np.uint64]
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so powers of it keep every bit: 2^64 / golden ratio (Knuth)


def grams(events: EventSequence, notes: int = GRAM_NOTES) -> Grams:
    """64-bit hashes of every n-gram of the piece, repeats included; empty where no line is long enough."""
    found = [line_grams(onset, pitch, notes) for onset, pitch in top_lines(events)]
    return np.concatenate([*found, np.zeros(0, dtype=np.uint64)])


def line_grams(onset: Ints, pitch: Ints, notes: int = GRAM_NOTES) -> Grams:
    """Hashes of one line's n-grams of ``notes`` notes. ``onset`` rises strictly."""
    if len(pitch) < notes:
        return np.zeros(0, dtype=np.uint64)
    steps = np.diff(pitch)
    gaps = np.log2(np.diff(onset).astype(np.float64))
    ratios = np.rint(np.diff(gaps, prepend=gaps[:1]) * RATIO_STEPS).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view
    tokens = windows(steps, notes - 1) * 256
    # The first interval's own ratio reaches outside the window.
    tokens[:, 1:] += windows(ratios, notes - 1)[:, 1:]
    hashed = np.zeros(len(tokens), dtype=np.uint64)
    for column in range(notes - 1):
        hashed = (hashed ^ tokens[:, column].astype(np.uint64)) * _BASE
        hashed ^= hashed >> np.uint64(29)
    distinct = 1 + (np.diff(np.sort(windows(pitch, notes), axis=1), axis=1) > 0).sum(axis=1)
    result: Grams = hashed[distinct >= FEWEST_PITCHES]
    return result


def gram_set(pieces: Iterable[EventSequence], notes: int = GRAM_NOTES) -> Grams:
    """The n-grams of all ``pieces``, each once, sorted."""
    every = [np.unique(grams(piece, notes)) for piece in pieces]
    return np.unique(np.concatenate([*every, np.zeros(0, dtype=np.uint64)]))


def copy_rate(own: Grams, heard: Grams) -> float:
    """Share of the n-grams ``own`` that are among ``heard`` (sorted, each once); NaN where there are none."""
    if not len(own):
        return math.nan
    if not len(heard):
        return 0.0
    at = np.minimum(np.searchsorted(heard, own), len(heard) - 1)
    return float((heard[at] == own).mean())
