"""Fingerprints of a piece that do not depend on key, tempo, title and instruments.

``transposed_digest`` finds exact copies; ``sketch`` is a sample of the piece's melodic n-grams for near copies.
``midi_data.ingest.works`` compares them.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.ngrams import NgramKind, ngrams
from midi_data.events.encoding import EventSequence

DUPLICATES = NgramKind(16, fewest_pitches=4, ratio_steps=2, max_interval=24, max_ratio=8)
SKETCH_SIZE = 128
Sketch = NDArray[np.uint64]


def transposed_digest(events: EventSequence) -> bytes:
    """SHA-256 of onsets, parts and intervals, independent of key, tempo and velocity."""
    pitched = events.part >= 4
    lowest = int(events.pitch[pitched].min()) if pitched.any() else 0
    relative = np.where(pitched, events.pitch - lowest, events.pitch)
    return hashlib.sha256(np.stack([events.onset - events.onset[0], events.part, relative]).tobytes()).digest()


def sketch(events: EventSequence) -> Sketch:
    """At most ``SKETCH_SIZE`` of the piece's n-gram hashes, sorted: those that end in most zero bits.

    Sketches of different sizes stay comparable. Drums have no n-grams: a drum piece is found by its digest only.
    """
    hashes = np.unique(ngrams(events, DUPLICATES))
    while len(hashes) > SKETCH_SIZE:
        hashes = hashes[levels(hashes) > levels(hashes).min()]
    return hashes


def levels(hashes: Sketch) -> NDArray[np.int64]:
    """Number of zero bits that each hash ends in."""
    lowest = hashes & (~hashes + np.uint64(1))
    return np.round(np.log2(np.maximum(lowest, 1).astype(np.float64))).astype(np.int64)
