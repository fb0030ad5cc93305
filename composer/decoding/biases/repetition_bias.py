"""Raises the logits of what a part played in its source bar, the more the more similar the two bars are planned to be.

Each part has repetition labels of its own (``midi_data.analysis.repetition``): drums can repeat under a new melody.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from composer.decoding.biases.chord_bias import ChordPlan
from composer.decoding.logits_processor import LogitsProcessor
from composer.decoding.parameters import SOURCE_BONUS
from composer.decoding.song_state import SongState
from composer.exact import log_sum
from composer.model.config import CHORD_ROLES, chord_role
from midi_data.analysis.activity import Activity
from midi_data.analysis.repetition import lag_index, similarity_level


class RepetitionPlan:
    """Similarity level (0 new … 3 the same) and source lag of every bar and part of a song."""

    def __init__(self, band: Sequence[int], repetition: Sequence[int], part_repetition: Activity) -> None:
        """``repetition`` (bars,) and ``part_repetition`` (bars, parts of ``band``): labels."""
        labels = part_repetition.astype(np.int64)
        self._bar_levels: list[int] = similarity_level(np.array(repetition)).tolist()
        rows = zip(similarity_level(labels).tolist(), lag_index(labels).tolist(), strict=True)
        self._parts: list[dict[int, tuple[int, int]]] = [
            dict(zip(band, zip(levels, lags, strict=True), strict=True)) for levels, lags in rows
        ]

    def level(self, bar: int, part: int) -> int:
        """Similarity level of ``part`` in ``bar``; of the whole bar if ``part`` is −1."""
        return self._bar_levels[bar] if part < 0 else self._parts[bar][part][0]

    def source(self, bar: int, part: int) -> tuple[int, int]:
        """(similarity level, index into ``LAGS`` of the source) of ``part`` in ``bar``."""
        return self._parts[bar][part]


class RepetitionBias(LogitsProcessor):
    """The bias of one song."""

    fields = ("part", "pitch", "duration", "velocity")

    def __init__(self, plan: RepetitionPlan, strength: float = 1.0, chords: ChordPlan | None = None) -> None:
        """``strength``: the genre's factor on ``SOURCE_BONUS``. ``chords``: pitches follow the source's chords only."""
        self._plan = plan
        self._chords = chords
        self._bonus = [strength * bonus for bonus in SOURCE_BONUS]

    def apply(self, field: str, classes: list[int], logits: list[float], state: SongState) -> None:
        """Add to the parts that play here in their source bar, or to the class that the part's source had."""
        if field == "part":
            self._apply_to_parts(classes, logits, state)
        elif field != "time_shift":
            level, lag = self._plan.source(state.bar_after, state.part)
            if level and not (field == "pitch" and self._is_other_chord(state, lag)):
                _add(classes, logits, state.lookback[lag], self._bonus[level])

    def _is_other_chord(self, state: SongState, lag: int) -> bool:
        """Whether a pitched part's source has another chord here: its pitches do not fit."""
        pitched = chord_role(state.part) < CHORD_ROLES
        return pitched and self._chords is not None and self._chords.differs(state.slot_after, lag)

    def _apply_to_parts(self, classes: list[int], logits: list[float], state: SongState) -> None:
        for index in range(len(classes) - 1, -1, -1):
            level, lag = self._plan.source(state.bar_after, classes[index])
            if level and state.lookback[lag] == classes[index]:
                _take_from_later(logits, index, self._bonus[level])


def _add(classes: list[int], logits: list[float], wanted: int, bonus: float) -> None:
    """Add ``bonus`` to the class ``wanted`` if it is allowed."""
    index = bisect_left(classes, wanted)
    if index < len(classes) and classes[index] == wanted:
        logits[index] += bonus


def _take_from_later(logits: list[float], index: int, bonus: float) -> None:
    """Raise the logit at ``index`` by ``bonus`` at the cost of the later classes only.

    Parts of one tick come in rising order, so that choosing a later part skips this one; choosing an earlier part does
    not, and keeps its probability.
    """
    raised = [logits[index] + bonus, *logits[index + 1 :]]
    less = log_sum(logits[index:]) - log_sum(raised)
    for later in range(index, len(logits)):
        logits[later] += less
    logits[index] += bonus
