"""Estimated key of a song, and key classes; ``midi_data.keys`` has the key profiles."""

from __future__ import annotations

import numpy as np

from midi_data.events.encoding import DURATIONS, EventSequence
from midi_data.keys import Key, estimate_key

LONGEST_COUNTED = 96
"""Longest duration in ticks that counts (a whole note), so that drones do not dominate."""


def estimate_song_key(events: EventSequence) -> Key | None:
    """The key by the summed durations of the pitch classes; None for drums alone."""
    pitched = events.pitch < 128
    if not pitched.any():
        return None
    lengths = np.minimum(np.asarray(DURATIONS)[events.duration[pitched]], LONGEST_COUNTED)
    return estimate_key(np.bincount(events.pitch[pitched] % 12, weights=lengths, minlength=12).tolist())


def key_class(key: Key | None) -> int:
    """0: no key; 1–12: major on C … B; 13–24: minor on C … B."""
    return 0 if key is None else 1 + key.tonic + 12 * (key.mode == "minor")
