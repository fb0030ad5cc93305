"""Every part of a band plays: one that has no note yet is chosen in the last bar in which it may play."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.decoding.logits_processor import LogitsProcessor
from composer.decoding.song_state import NoteEvent, SongState
from midi_data.analysis.activity import RESTS, Activity

FORBIDDEN = -1000.0
"""Added to the logits of the other parts: their probability becomes 0."""


class EntranceRule(LogitsProcessor):
    """The parts of one song that have no note yet."""

    fields = ("part",)

    def __init__(self, band: Sequence[int], activity: Activity) -> None:
        """``activity`` (bars, parts of ``band``)."""
        bars = [np.flatnonzero(column != RESTS) for column in activity.T]
        self._last_bar = {part: int(own[-1]) for part, own in zip(band, bars, strict=True) if len(own)}

    def apply(self, field: str, classes: list[int], logits: list[float], state: SongState) -> None:
        """Forbid the other parts where one is due."""
        if field != "part":
            return
        due = [self._last_bar.get(part) == state.bar_after for part in classes]
        if any(due):
            for index, is_due in enumerate(due):
                if not is_due:
                    logits[index] += FORBIDDEN

    def update(self, note: NoteEvent) -> None:
        """The part of ``note`` has begun."""
        self._last_bar.pop(note[1], None)
