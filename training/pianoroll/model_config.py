"""Widths and input constants of the piano-roll network. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from training.pianoroll.data import HIGHEST, KEYS, LOWEST
from training.pianoroll.matches import KINDS

LAGS = (1, 2, 3, 4, 8, 12, 16, 24, 32)
"""Lookback in frames; the first ``NEAR_LAGS`` with wide windows."""
NEAR_LAGS = 4
BUCKETS = (1, 2, 4, 8, 16)
"""Smallest length of a match in each bucket."""
PLANES = len(LAGS) + len(KINDS) * len(BUCKETS)
FACTS = len(LAGS) + len(KINDS) + 2
CHROMA_DECAYS = (0.0, 0.85, 0.98)
"""Decay a frame of three running pitch-class histograms."""
LAST_REACH, NEAR_REACH, FAR_REACH, CHORD_REACH = 24, 12, 4, 36
"""Half widths in semitones of a key's windows: last frame, near lags, other planes, chord so far."""


@dataclass(frozen=True, slots=True)
class RollShape:
    """Widths. ``low`` … ``high``: MIDI pitches that the network models; others are independent and rare."""

    low: int = LOWEST
    high: int = HIGHEST
    descending: bool = True
    features: int = 96
    key_hidden: int = 96
    key: int = 96
    frame_hidden: int = 192
    chord_hidden: int = 128
    score: int = 64

    @property
    def keys(self) -> int:
        """Number of modelled keys."""
        return self.high - self.low + 1

    @property
    def outside(self) -> int:
        """Number of keys that are not modelled."""
        return KEYS - self.keys
