"""Hashes of melodic n-grams, for copies (``novelty``) and duplicates (``midi_data.ingest.fingerprints``).

An n-gram is ``n`` successive notes of a part's top line as n − 1 intervals in semitones and n − 2 ratios of successive
inter-onset intervals: the same in every key and at every tempo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from midi_data.analysis.metrics import top_lines
from midi_data.events.encoding import EventSequence, Ints

Hashes = NDArray[np.uint64]
_BASE = 0x9E3779B97F4A7C15
"""Odd, so that its powers keep every bit: 2⁶⁴ over the golden ratio (Knuth)."""


@dataclass(frozen=True, slots=True)
class NgramKind:
    """``notes``: n. ``fewest_pitches``: n-grams with fewer (pedal points, trills) are left out.

    Ratios are rounded to 1 / ``ratio_steps`` of an octave (a doubling) and clipped to ± ``max_ratio`` steps, intervals
    to ± ``max_interval`` semitones.
    """

    notes: int
    fewest_pitches: int
    ratio_steps: int
    max_interval: int = 127
    max_ratio: int = 64


def ngrams(events: EventSequence, kind: NgramKind) -> Hashes:
    """64-bit hashes of every n-gram of a piece, repeats included."""
    found = [line_ngrams(onset, pitch, kind) for onset, pitch in top_lines(events)]
    return np.concatenate([*found, np.zeros(0, dtype=np.uint64)])


def line_ngrams(onset: Ints, pitch: Ints, kind: NgramKind) -> Hashes:
    """Hashes of the n-grams of one line; ``onset`` (N,) in ticks rises strictly, ``pitch`` (N,)."""
    if len(pitch) < kind.notes:
        return np.zeros(0, dtype=np.uint64)
    interval = np.clip(np.diff(pitch), -kind.max_interval, kind.max_interval) + kind.max_interval
    ratio = np.round(kind.ratio_steps * np.diff(np.log2(np.diff(onset)))).astype(np.int64)
    ratio = np.clip(ratio, -kind.max_ratio, kind.max_ratio) + kind.max_ratio
    # The first interval of an n-gram has no earlier time to compare with.
    first = interval[: len(pitch) - kind.notes + 1].astype(np.uint64)
    tokens = (interval[1:] * (2 * kind.max_ratio + 1) + ratio).astype(np.uint64)
    windows = sliding_window_view(tokens, kind.notes - 2)  # (N − n + 1, n − 2)
    powers = np.array([pow(_BASE, index + 1, 1 << 64) for index in range(kind.notes - 1)], dtype=np.uint64)
    hashes = _mixed((windows * powers[1:]).sum(axis=1, dtype=np.uint64) + first * powers[0])
    pitches = np.sort(sliding_window_view(pitch, kind.notes), axis=1)
    distinct = 1 + (np.diff(pitches, axis=1) > 0).sum(axis=1)
    kept: Hashes = hashes[distinct >= kind.fewest_pitches]
    return kept


def _mixed(values: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): every bit of the result depends on every bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
