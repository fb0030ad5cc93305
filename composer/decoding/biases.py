"""Logit biases: where a song departs from what the network was told, they pull it back.

The numbers, and what each is for, are in ``composer.decoding.parameters``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.decoding.parameters import (
    CHORD_BIAS,
    MISSING_TONE_BIAS,
    NOTE_COUNT_PRIOR,
    NOTE_COUNT_STRENGTH,
    SEVENTH_TICKS,
    SOURCE_BONUS,
)
from composer.decoding.song_state import NoteEvent, SongState
from composer.exact import log, log_sum
from composer.model.config import CHORD_ROLES, chord_role
from midi_data.analysis.activity import TYPICAL_NOTES, UNCONDITIONED, Activity
from midi_data.analysis.repetition import lag_index, similarity_level
from midi_data.chords import NO_CHORD, chord_tones
from midi_data.events.encoding import DURATIONS, FIELDS
from midi_data.events.features import LAGS
from midi_data.events.motifs import MOTIF_INTERVALS


class LogitsProcessor:
    """Changes the logits of the allowed classes of some fields, and follows the notes of the song.

    The interface of biases and of ``composer.decoding.rules``, as in Hugging Face transformers.
    """

    fields: tuple[str, ...] = FIELDS
    """The fields whose logits it may change."""

    def apply(self, classes: list[int], logits: list[float], state: SongState) -> None:
        """Change ``logits`` in place; they are those of ``classes``, rising."""
        raise NotImplementedError

    def update(self, note: NoteEvent) -> None:
        """Count a generated note."""


class NoteCountBias(LogitsProcessor):
    """Lowers the part logits of parts that exceed their planned note count, raises those of parts that fall short.

    The bias is ``NOTE_COUNT_STRENGTH`` times the log of planned over generated notes up to now, both with
    ``NOTE_COUNT_PRIOR`` notes added. The planned count follows from the activity bins, evenly within a bar.
    """

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

    def apply(self, classes: list[int], logits: list[float], state: SongState) -> None:
        """Add to the logits of the parts that may play at the state's tick."""
        bar, into = state.bar_after, (state.tick % self._bar_ticks) / self._bar_ticks
        before, notes = self._before[bar], self._notes[bar]
        for index, part in enumerate(classes):
            column = self._column.get(part)
            if column is not None:
                planned = before[column] + into * notes[column] + NOTE_COUNT_PRIOR
                logits[index] += NOTE_COUNT_STRENGTH * log(planned / (self._generated[column] + NOTE_COUNT_PRIOR))

    def update(self, note: NoteEvent) -> None:
        """Count a generated note."""
        column = self._column.get(note[1])
        if column is not None:
            self._generated[column] += 1


class ChordPlan:
    """The chords of a song by slot (twice the bar, plus 1 in its second half)."""

    def __init__(self, chords: Sequence[int] = ()) -> None:
        """``chords`` (2 bars,) classes, empty without a chart."""
        self._chords = list(chords)

    def chord(self, slot: int) -> int:
        """Class of the chord in ``slot``; no chord without a chart."""
        return self._chords[slot] if self._chords else NO_CHORD

    def differs(self, slot: int, bars: int) -> bool:
        """Whether there is a chart, and another chord ``bars`` before ``slot``."""
        source = slot - 2 * bars
        return bool(self._chords) and source >= 0 and self._chords[source] != self._chords[slot]


class SourceBars:
    """The earlier bar that each part repeats in each bar of a song, and how exactly, as planned.

    Each part has repetition labels of its own (``midi_data.analysis.repetition``): drums can repeat under a new melody.
    """

    def __init__(self, band: Sequence[int], part_repetition: Activity, source_lag: Sequence[int]) -> None:
        """``part_repetition`` (bars, parts of ``band``): labels; ``source_lag`` (bars,): their last lag, in bars."""
        labels = part_repetition.astype(np.int64)
        rows = zip(similarity_level(labels).tolist(), lag_index(labels).tolist(), strict=True)
        self.by_bar: list[dict[int, tuple[int, int]]] = [
            dict(zip(band, zip(levels, lags, strict=True), strict=True)) for levels, lags in rows
        ]
        """By bar: part → (similarity level, index into ``LAGS`` of the source)."""
        self._source_lag = source_lag

    def distance(self, bar: int, lag: int) -> int:
        """Bars between ``bar`` and its source at index ``lag`` of ``LAGS``."""
        return LAGS[lag] if lag < len(LAGS) - 1 else self._source_lag[bar]


class RepetitionBias(LogitsProcessor):
    """Raises the logits of what a part played in its source bar, the more the more similar the bars are planned to be.

    Pitches of a source with another chord are not raised.
    """

    fields = ("part", "pitch", "duration", "velocity")

    def __init__(self, sources: SourceBars, chords: ChordPlan | None = None) -> None:
        self._sources, self._chords = sources, chords or ChordPlan()
        # Parts that are the same are forced; where their source is silent nothing is raised.
        self._bonus = [0.0, *SOURCE_BONUS, 0.0]

    def apply(self, classes: list[int], logits: list[float], state: SongState) -> None:
        """Add to the parts that play here in their source bar, or to the class that the part's source had."""
        sources = self._sources.by_bar[state.bar_after]
        if state.field == "part":
            for index in range(len(classes) - 1, -1, -1):
                level, lag = sources[classes[index]]
                if level and state.lookback[lag] == classes[index]:
                    _take_from_later(logits, index, self._bonus[level])
            return
        level, lag = sources[state.part]
        if not level or state.lookback[lag] not in classes:
            return
        pitched = state.field == "pitch" and chord_role(state.part) < CHORD_ROLES
        if not (pitched and self._chords.differs(state.slot_after, self._sources.distance(state.bar_after, lag))):
            logits[classes.index(state.lookback[lag])] += self._bonus[level]


class MotifBias(LogitsProcessor):
    """Raises the pitch by which the longest known motif of a part went on (``midi_data.events.motifs``).

    A song begins without motifs, and a network that has heard none come back brings none back. Basses follow the chords
    and are left as they are; on beats only tones of the planned chord are raised.
    """

    fields = ("pitch",)

    def __init__(self, bonus: float, chords: ChordPlan) -> None:
        """``bonus``: the genre's own (``composer.model.checkpoint.Header``)."""
        self._bonus, self._chords = bonus, chords

    def apply(self, classes: list[int], logits: list[float], state: SongState) -> None:
        """Add to one pitch at most."""
        chord = self._chords.chord(state.slot_after)
        if chord_role(state.part) != 1:
            return
        for pitch in reversed(state.lookback[-len(MOTIF_INTERVALS) :]):
            fits = not state.strength or chord == NO_CHORD or pitch % 12 in chord_tones(chord)
            if fits and pitch in classes:
                logits[classes.index(pitch)] += self._bonus
                return


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


class ChordBias(LogitsProcessor):
    """Raises the tones of the planned chord, on strong beats more; of asked chords also those that have not sounded."""

    fields = ("pitch",)

    def __init__(self, plan: ChordPlan, strength: float) -> None:
        """``strength``: factor on ``CHORD_BIAS``; above 1 tones that are missing are raised too."""
        self._plan = plan
        self._bias, self._missing = CHORD_BIAS * strength, MISSING_TONE_BIAS * (strength > 1)
        self._slot, self._sounded = -1, dict[int, int]()

    def apply(self, classes: list[int], logits: list[float], state: SongState) -> None:
        """Raise tones of the chord; drums are left as they are."""
        role, chord = chord_role(state.part), self._plan.chord(state.slot_after)
        if role >= CHORD_ROLES or chord == NO_CHORD:
            return
        if state.slot_after != self._slot:
            self._slot, self._sounded = state.slot_after, {}
        by_tone, bonus = [0.0] * 12, self._bias * (1 + state.strength)
        for tone, ticks in zip(chord_tones(chord), (1, 1, 1, SEVENTH_TICKS), strict=False):
            is_missing = role and self._sounded.get(tone, 0) < ticks
            by_tone[tone] = bonus + self._missing if is_missing else bonus
        logits[:] = [logit + by_tone[pitch % 12] for logit, pitch in zip(logits, classes, strict=True)]

    def update(self, note: NoteEvent) -> None:
        """Count the ticks of a note that is not a bass's."""
        _, part, pitch, duration, _ = note
        if chord_role(part) == 1:
            self._sounded[pitch % 12] = self._sounded.get(pitch % 12, 0) + DURATIONS[duration]
