"""Logit bias of pitches towards the tones of the planned chord.

The network is conditioned on chords too, but trusts what was played before more than what is planned: without this
bias songs' extracted chords have the planned root in half to two thirds of the slots.
"""

from __future__ import annotations

from collections.abc import Sequence

from composer.decoding.logits_processor import LogitsProcessor
from composer.decoding.parameters import CHORD_BIAS, MISSING_TONE_BIAS
from composer.decoding.song_state import NoteEvent, SongState
from composer.model.config import CHORD_ROLES, chord_role
from midi_data.chords import NO_CHORD, chord_root, chord_tones
from midi_data.events.encoding import DURATIONS
from midi_data.events.features import LAGS

SEVENTH_TICKS = 36
"""A seventh counts as played once it sounds this long: a shorter one is heard as passing."""
_TRIAD = 3
_FIFTH, _FIFTH_FACTOR = 7, 0.5
"""A missing fifth of a triad matters less than its third."""


class ChordPlan:
    """The chords of a song by slot (twice the bar, plus 1 in its second half)."""

    def __init__(self, chords: Sequence[int], source_lag: Sequence[int]) -> None:
        """``chords`` (2 bars,) classes, empty without a chart; ``source_lag`` (bars,) of the last of ``LAGS``."""
        self._chords, self._source_lag = list(chords), list(source_lag)

    def chord(self, slot: int) -> int:
        """Class of the chord in ``slot``; no chord without a chart."""
        return self._chords[slot] if self._chords else NO_CHORD

    def differs(self, slot: int, lag: int) -> bool:
        """Whether the bar at index ``lag`` of ``LAGS`` before ``slot`` has another chord in its half."""
        distance = LAGS[lag] if lag < len(LAGS) - 1 else self._source_lag[slot // 2]
        source = slot - 2 * distance
        return bool(self._chords) and source >= 0 and self._chords[source] != self._chords[slot]


class ChordBias(LogitsProcessor):
    """The bias of one song."""

    fields = ("pitch",)

    def __init__(self, band: Sequence[int], plan: ChordPlan, strength: float) -> None:
        """``strength``: factor on ``CHORD_BIAS``."""
        self._plan = plan
        self._roles = {part: chord_role(part) for part in band}
        self._missing = MISSING_TONE_BIAS * (strength - 1)
        self._slot, self._sounded = -1, dict[int, int]()
        self._bias = [[[strength * value for value in row] for row in rows] for rows in CHORD_BIAS]

    def apply(self, field: str, classes: list[int], logits: list[float], state: SongState) -> None:
        """Raise the tones of the chord, lower all other pitches; drums are left as they are."""
        if field != "pitch":
            return
        role, chord = self._roles[state.part], self._plan.chord(state.slot_after)
        if role >= CHORD_ROLES or chord == NO_CHORD:
            return
        if state.slot_after != self._slot:
            self._slot, self._sounded = state.slot_after, {}
        root, tones = chord_root(chord), chord_tones(chord)
        missing = self._missing_tones(tones) if role and self._missing > 0 else {}
        on_root, on_tone, other = self._bias[role][state.strength]
        for index, pitch in enumerate(classes):
            tone = pitch % 12
            logits[index] += on_root if tone == root else on_tone if tone in tones else other
            if tone in missing:
                logits[index] += missing[tone]

    def update(self, note: NoteEvent) -> None:
        """Count the ticks of a note that is not a bass's."""
        _, part, pitch, duration, _ = note
        if self._roles[part] == 1:
            self._sounded[pitch % 12] = self._sounded.get(pitch % 12, 0) + DURATIONS[duration]

    def _missing_tones(self, tones: Sequence[int]) -> dict[int, float]:
        """Bonus of those of a chord's ``tones`` that have not sounded in the slot; of a seventh not long enough."""
        least = [1] * _TRIAD + [SEVENTH_TICKS]
        missing = [tone for tone, ticks in zip(tones, least, strict=False) if self._sounded.get(tone, 0) < ticks]
        fifth = tones[2] if len(tones) >= _TRIAD and (tones[2] - tones[0]) % 12 == _FIFTH else -1
        return {tone: self._missing * (_FIFTH_FACTOR if tone == fifth else 1.0) for tone in missing}
