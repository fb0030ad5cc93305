"""Lowers the part logits of parts that exceed their planned note count, and raises those of parts that fall short.

The bias is ``STRENGTH`` times the log of planned over generated notes up to now, both with ``PRIOR`` notes added. The
planned count follows from the activity bins (``midi_data.analysis.activity``), evenly within a bar.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.decoding.logits_processor import LogitsProcessor
from composer.decoding.parameters import NOTE_COUNT_PRIOR as PRIOR
from composer.decoding.parameters import NOTE_COUNT_STRENGTH as STRENGTH
from composer.decoding.song_state import NoteEvent, SongState
from composer.exact import log
from midi_data.analysis.activity import TYPICAL_NOTES, UNCONDITIONED, Activity


class NoteCountBias(LogitsProcessor):
    """Generated notes of each part of one song, and its bias."""

    fields = ("part",)

    def __init__(self, band: Sequence[int], activity: Activity, bar_ticks: int) -> None:
        """``activity`` (bars, parts of ``band``): parts that are unconditioned in any bar get no bias."""
        conditioned = (activity != UNCONDITIONED).all(axis=0)  # (parts,)
        notes = TYPICAL_NOTES[activity]  # (bars, parts)
        before = np.concatenate([np.zeros((1, len(band))), notes.cumsum(axis=0)])  # (bars + 1, parts)
        self._bar_ticks = bar_ticks
        self._column = {part: column for column, part in enumerate(band) if conditioned[column]}
        self._before: list[list[float]] = before.tolist()
        self._notes: list[list[float]] = notes.tolist()
        self._generated = [0] * len(band)

    def apply(self, field: str, classes: list[int], logits: list[float], state: SongState) -> None:
        """Add to the logits of the parts that may play at the state's tick."""
        if field != "part":
            return
        bar, into = state.bar_after, (state.tick % self._bar_ticks) / self._bar_ticks
        before, notes = self._before[bar], self._notes[bar]
        for index, part in enumerate(classes):
            column = self._column.get(part)
            if column is not None:
                planned = before[column] + into * notes[column]
                logits[index] += STRENGTH * log((planned + PRIOR) / (self._generated[column] + PRIOR))

    def update(self, note: NoteEvent) -> None:
        """Count a generated note."""
        column = self._column.get(note[1])
        if column is not None:
            self._generated[column] += 1
