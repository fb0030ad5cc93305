"""Each part of a song keeps to its share of the notes: one that has played more than it was told is called less.

What a part has played so far is held against what its levels told up to here, with ``PRIOR`` notes of each before the
first; the log of their ratio is added where a part is chosen. Slow on purpose: within a bar music is not an even flow.
Knows levels (``midi_data.analysis.activity``) and counts; nothing of pitches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from midi_data.analysis.activity import TYPICAL_NOTES, UNCONDITIONED, Activity

PRIOR = 3.0
STRENGTH = 3.0


class NoteCountBias:
    """How much each part of one song has played. ``heard`` after each note."""

    def __init__(self, band: Sequence[int], activity: Activity, bar_ticks: int) -> None:
        """``activity`` (bars, parts of ``band``): parts with a bar that is not told keep to nothing."""
        told = (activity != UNCONDITIONED).all(axis=0)
        notes = TYPICAL_NOTES[activity]
        before = np.concatenate([np.zeros((1, len(band))), notes.cumsum(axis=0)])
        self._bar_ticks = bar_ticks
        self._own = {part: place for place, part in enumerate(band) if told[place]}
        self._before: list[list[float]] = before.tolist()
        self._notes: list[list[float]] = notes.tolist()
        self._played = [0] * len(band)

    def lean(self, classes: list[int], logits: list[float], tick: int, bar: int) -> None:
        """Add to the ``logits`` of the parts that may play at ``tick``, in ``bar``."""
        into = (tick % self._bar_ticks) / self._bar_ticks
        before, notes = self._before[bar], self._notes[bar]
        for index, part in enumerate(classes):
            place = self._own.get(part)
            if place is not None:
                told = before[place] + into * notes[place]
                logits[index] += STRENGTH * math.log((told + PRIOR) / (self._played[place] + PRIOR))

    def heard(self, part: int) -> None:
        """Count a note of ``part``."""
        place = self._own.get(part)
        if place is not None:
            self._played[place] += 1
