"""Copy rate: share of a piece's melodic n-grams that occur in other pieces, in any key and at any tempo.

Interval n-grams as a test for copying: Yin et al. (2021), "A good algorithm does not steal – it imitates", EvoMUSART.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from midi_data.analysis.ngrams import Hashes, NgramKind, ngrams
from midi_data.events.encoding import EventSequence

GRAM_NOTES = 12
COPIES = NgramKind(GRAM_NOTES, fewest_pitches=3, ratio_steps=3)

Grams = Hashes


def grams(events: EventSequence) -> Grams:
    """Hashes of every n-gram of the piece, repeats included."""
    return ngrams(events, COPIES)


def gram_set(pieces: Iterable[EventSequence]) -> Grams:
    """The n-grams of all ``pieces``, each once, sorted."""
    every = [np.unique(grams(piece)) for piece in pieces]
    return np.unique(np.concatenate([*every, np.zeros(0, dtype=np.uint64)]))


def copy_rate(own: Grams, known: Grams) -> float:
    """Share of the n-grams ``own`` that are in ``known`` (sorted, each once); NaN if there are none."""
    if not len(own):
        return math.nan
    if not len(known):
        return 0.0
    at = np.minimum(np.searchsorted(known, own), len(known) - 1)
    return float((known[at] == own).mean())
