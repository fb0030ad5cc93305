"""What a piece is recognised by, whatever its key, tempo, title and instruments.

``transposed_digest`` names exact copies; ``sketch`` is a sample of the piece's melodic grams for near ones: runs of
``GRAM_NOTES`` notes of a part's top line, as intervals and ratios of inter-onset times (so a file written in half notes
is like one written in quarters). Knows events; what is done about likeness is ``midi_data.ingest.works``.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from midi_data.events.encoding import EventSequence, Ints, part_instrument

GRAM_NOTES = 16
FEWEST_PITCHES = 4
"""Grams of fewer pitches (a riff on one note, a trill) are found in any music."""
SKETCH_SIZE = 128
Sketch = NDArray[np.uint64]
_WIDEST, _RATIOS = 24, 8


def transposed_digest(events: EventSequence) -> bytes:
    """Names a piece whatever its key: onsets, parts and intervals, but neither pitch nor tempo nor velocity."""
    pitched = events.part >= 4
    lowest = int(events.pitch[pitched].min()) if pitched.any() else 0
    relative = np.where(pitched, events.pitch - lowest, events.pitch)
    return hashlib.sha256(np.stack([events.onset - events.onset[0], events.part, relative]).tobytes()).digest()


def sketch(events: EventSequence) -> Sketch:
    """Up to ``SKETCH_SIZE`` of the piece's gram hashes, sorted: all that end in enough zero bits, so samples compare.

    Drums have no grams: a drum piece is only recognised exactly.
    """
    lines = [_grams(*_top_line(events, part)) for part in events.band if not part_instrument(part)[1]]
    hashes = np.unique(np.concatenate([np.zeros(0, dtype=np.uint64), *lines]))
    while len(hashes) > SKETCH_SIZE:
        hashes = hashes[levels(hashes) > levels(hashes).min()]
    return hashes


def levels(hashes: Sketch) -> NDArray[np.int64]:
    """How many zero bits each hash ends in."""
    lowest = hashes & (~hashes + np.uint64(1))
    return np.round(np.log2(np.maximum(lowest, 1).astype(np.float64))).astype(np.int64)


def _top_line(events: EventSequence, part: int) -> tuple[Ints, Ints]:
    own = events.part == part
    onset, pitch = events.onset[own], events.pitch[own]
    order = np.lexsort((pitch, onset))
    last = np.append(np.diff(onset[order]) > 0, True)
    return onset[order][last], pitch[order][last]


def _grams(onset: Ints, pitch: Ints) -> Sketch:
    if len(onset) < GRAM_NOTES:
        return np.zeros(0, dtype=np.uint64)
    interval = np.clip(np.diff(pitch), -_WIDEST, _WIDEST) + _WIDEST
    wait = np.log2(np.diff(onset))
    ratio = np.clip(np.round(2 * np.diff(wait)), -_RATIOS, _RATIOS).astype(np.int64) + _RATIOS
    # The first interval of a gram has no earlier time to compare with.
    tokens = (interval[1:] * (2 * _RATIOS + 1) + ratio).astype(np.uint64)
    heads = interval[: len(onset) - GRAM_NOTES + 1].astype(np.uint64)
    windows = sliding_window_view(tokens, GRAM_NOTES - 2)
    powers = np.array([pow(0x9E3779B97F4A7C15, n + 1, 1 << 64) for n in range(GRAM_NOTES - 1)], dtype=np.uint64)
    hashes = _mixed((windows * powers[1:]).sum(axis=1, dtype=np.uint64) + heads * powers[0])
    ordered = np.sort(sliding_window_view(pitch, GRAM_NOTES), axis=1)
    rich = 1 + (np.diff(ordered, axis=1) > 0).sum(axis=1) >= FEWEST_PITCHES
    chosen: Sketch = hashes[rich]
    return chosen


def _mixed(values: Sketch) -> Sketch:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): every bit of the result depends on every bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
