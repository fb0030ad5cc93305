"""One song of a batch: its plan, its writer and its generator; each logits in, the class chosen out.

Compiled where a compiler was at hand (``midi_data.compiled``): this is asked five times a note.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from composer.decoding.constraints import Classes
from composer.decoding.histogram_bias import HistogramBias
from composer.decoding.note_count_bias import NoteCountBias
from composer.decoding.repetition_bias import RepetitionBias
from composer.decoding.sampling import EmbeddingSpace, choose
from composer.decoding.sampling_parameters import RETURNING, SamplingParameters
from composer.decoding.song_state import SongState
from composer.model.attribute_projections import AttributeProjections
from composer.model.config import CHORD_ROLES, chord_role
from composer.model.heads import Heads, OutputLayer
from composer.planning.plan import Plan
from midi_data.analysis.repetition import similarity_level
from midi_data.chords import QUALITIES
from midi_data.events.encoding import FIELDS, VOCABULARY
from midi_data.events.features import LAGS


class SongSampler:
    """See the module's docstring."""

    def __init__(
        self,
        plan: Plan,
        how: SamplingParameters,
        embedding_spaces: Mapping[str, EmbeddingSpace],
        told: NDArray[np.float32],
        projections: AttributeProjections,
        heads: Heads,
    ) -> None:
        """``told`` (2 bars, G): contribution of the conditions to the gates in each chord slot."""
        self.plan = plan
        self._similarity_levels: list[int] = similarity_level(np.array(plan.repetition)).tolist()
        self._parameters = [how.times(ratio) for ratio in RETURNING]
        self._repetition_bias = RepetitionBias(plan.band, plan.part_repetition, plan.repetition_strength)
        self._histogram_bias = HistogramBias(plan.attribute_histograms, plan.time_shift_histogram)
        self._note_count_bias = NoteCountBias(plan.band, plan.activity, plan.meter.bar_ticks)
        self._embedding_spaces = embedding_spaces
        self.song_state = SongState(
            plan.band,
            plan.meter,
            plan.bars,
            plan.pitch_dropout,
            plan.primer,
            plan.activity,
            plan.masks,
            plan.source_lag,
        )
        self._generator = np.random.Generator(np.random.PCG64(plan.seed))
        self._part_out = heads.part_output_layer(plan.band, projections)
        pitches = {part: self.song_state.constraints.pitches_of(part) for part in plan.band}
        self._pitch_outs = {part: heads.output_layer("pitch", own) for part, own in pitches.items()}
        self._pitch_places = {part: _places(own) for part, own in pitches.items()}
        self._told, self._projections = told[:, None], projections
        self._condition_cache: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._context_cache: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._chord_rows, self._chord_bonus = heads.chord_rows, heads.chord_bonus
        # (2 bars,) chord condition classes; 0 where the song has no chart.
        self._chords: list[int] = [0] * (2 * plan.bars) if plan.chords is None else (plan.chords + 1).ravel().tolist()
        self._roles = {part: chord_role(part) for part in plan.band}
        self._place = {part: place for place, part in enumerate(plan.band)}
        first = len(plan.band) + len(LAGS)  # the part's logits end with a bonus for each level
        self._levels = [{p: first + n for p, n in zip(plan.band, row, strict=True)} for row in plan.activity.tolist()]

    @property
    def condition_gates_now(self) -> NDArray[np.float32]:
        """(1, G): what is told in the bar of the event before, after a note of its part."""
        slot, place = self.song_state.slot, self._place.get(self.song_state.part_before, -1) + 1
        known = self._condition_cache.get((slot, place))
        if known is None:
            known = self._condition_cache[slot, place] = self._told[slot] + self._projections.gates[place]
        return known

    @property
    def part_context(self) -> NDArray[np.float32]:
        """(3 W,): projected histograms of the part just chosen and the chord, for the heads that follow."""
        place, chord = self._place[self.song_state.part] + 1, self._chords[self.song_state.slot_after]
        known = self._context_cache.get((place, chord))
        if known is None:
            known = self._context_cache[place, chord] = self._projections.heads[place] + self._chord_rows[chord]
        return known

    def out(self, field: str) -> OutputLayer:
        """The head of ``field`` for this song's band, or for the pitches of the part just chosen."""
        return self._part_out if field == "part" else self._pitch_outs[self.song_state.part]

    def take(self, field: str, logits: list[float]) -> int:
        """Choose the class of ``field`` and tell it: the primer's while there is one, else a drawn one.

        ``logits`` as in ``Heads.logits``; what the looks add is added here.
        """
        song_state = self.song_state
        chosen = song_state.forced(field)
        if chosen is None:
            allowed = song_state.allowed(field)
            own = self._logits(field, logits, allowed)
            bar = song_state.bar_after
            level = (
                self._similarity_levels[bar]
                if song_state.part < 0
                else self._repetition_bias.level(bar, song_state.part)
            )
            self._histogram_bias.lean(field, allowed, own, song_state.part, song_state.tick, level)
            self._lean_back(field, allowed, own, bar)
            how = self._parameters[level]
            chosen = choose(own, allowed, how, self.plan.sampling, self._generator, self._embedding_spaces[field])
        song_state.choose(chosen)
        played = song_state.note_played if field == FIELDS[-1] else None
        if played:
            tick, part, pitch, duration, velocity = played
            self._histogram_bias.heard(tick, part, pitch, duration, velocity)
            self._note_count_bias.heard(part)
        return chosen

    def _lean_back(self, field: str, allowed: Classes, logits: list[float], bar: int) -> None:
        """Add to what the parts' sources held."""
        song_state, repetition_bias = self.song_state, self._repetition_bias
        if field == "part":
            self._note_count_bias.lean(allowed, logits, song_state.tick, bar)
            repetition_bias.lean_part(allowed, logits, song_state.lookback, bar)
        elif field != "time_shift":
            repetition_bias.lean_note(allowed, logits, song_state.lookback, bar, song_state.part)

    def _logits(self, field: str, logits: list[float], allowed: Classes) -> list[float]:
        """The logits of the classes ``allowed``, with what looks add, of parts what levels add."""
        if field == "pitch":
            part = self.song_state.part
            own = self._own(logits, self._pitch_places[part], allowed)
            self._add_chord(own, allowed, logits, len(self._pitch_places[part]) + len(LAGS) + 1)
            return own
        if field == "part":
            own, level = self._own(logits, self._place, allowed), self._levels[self.song_state.bar_after]
            for index, part in enumerate(allowed):
                own[index] += logits[level[part]]
            return own
        classes = VOCABULARY[field]
        for lag, look in enumerate(self.song_state.lookback):
            if look != classes:
                logits[look] += logits[classes + lag]
        if field == "time_shift":
            self.song_state.constraints.fold_eos(logits, self.song_state.context)
        return [logits[each] for each in allowed]

    def _add_chord(self, own: list[float], allowed: Classes, logits: list[float], first: int) -> None:
        """Add to the logit of each pitch of ``allowed`` the bonus of its interval above the chord's root.

        ``logits``: the head's outputs, those of the 12 intervals from ``first`` on.
        """
        role, kind = self._roles[self.song_state.part], self._chords[self.song_state.slot_after] - 2
        if kind < 0 or role >= CHORD_ROLES:
            return
        root, quality = divmod(kind, len(QUALITIES))
        bonus = self._chord_bonus[role][quality][self.song_state.strength]
        for index, pitch in enumerate(allowed):
            interval = (pitch - root) % 12
            own[index] += logits[first + interval] + bonus[interval]

    def _own(self, logits: list[float], place: dict[int, int], allowed: Classes) -> list[float]:
        """The same where only some classes have logits, each at its ``place``."""
        first = len(place)
        for lag, look in enumerate(self.song_state.lookback):
            if look in place:
                logits[place[look]] += logits[first + lag]
        return [logits[place[each]] for each in allowed]


def _places(classes: Classes) -> dict[int, int]:
    return {each: place for place, each in enumerate(classes)}
