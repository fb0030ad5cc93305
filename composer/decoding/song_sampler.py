"""Samples the events of one song of a batch: its plan, state, logits processors and random generator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from composer.decoding.chord_bias import ChordBias, ChordPlan
from composer.decoding.chord_constraint import ChordConstraint
from composer.decoding.constraints import Classes
from composer.decoding.entrances import EntranceRule
from composer.decoding.given_notes import GivenNotes
from composer.decoding.histogram_bias import HistogramBias
from composer.decoding.logits_processor import LogitsProcessor
from composer.decoding.note_count_bias import NoteCountBias
from composer.decoding.repetition_bias import RepetitionBias, RepetitionPlan
from composer.decoding.sampling import EmbeddingSpace, SamplingParameters, sample
from composer.decoding.song_state import SongState
from composer.model.attribute_projections import AttributeProjections
from composer.model.config import CHORD_ROLES, chord_role
from composer.model.heads import Heads, OutputLayer
from composer.planning.plan import Plan
from midi_data.chords import QUALITIES
from midi_data.events.encoding import FIELDS, VOCABULARY
from midi_data.events.features import LAGS

REPETITION_TEMPERATURES = (1.05, 0.95, 0.75, 0.4)
"""Factors on the temperature by similarity level: new, varied, nearly the same, the same."""


class SongSampler:
    """One song: ``state``, and ``sample`` for each field of an event."""

    def __init__(
        self,
        plan: Plan,
        parameters: SamplingParameters,
        spaces: Mapping[str, EmbeddingSpace],
        gates: NDArray[np.float32],
        projections: AttributeProjections,
        heads: Heads,
    ) -> None:
        """``gates`` (2 bars, G): contribution of the plan to the first layer's gates in each chord slot."""
        self.state = SongState(
            plan.band,
            plan.meter,
            plan.bars,
            plan.pitch_dropout,
            plan.primer,
            plan.activity,
            plan.masks,
            plan.source_lag,
        )
        self._repetition = RepetitionPlan(plan.band, plan.repetition, plan.part_repetition)
        chords: list[int] = [] if plan.chords is None else plan.chords.ravel().tolist()
        chord_plan = ChordPlan(chords, plan.source_lag)
        self._processors: list[LogitsProcessor] = [
            HistogramBias(plan.attribute_histograms, plan.time_shift_histogram, self._repetition),
            NoteCountBias(plan.band, plan.activity, plan.meter.bar_ticks),
            RepetitionBias(self._repetition, plan.repetition_strength, chord_plan),
            ChordBias(plan.band, chord_plan, plan.chord_strength),
            EntranceRule(plan.band, plan.activity),
        ]
        if plan.chord_strength > 1:
            self._processors.append(ChordConstraint(plan.band, chord_plan, self.state.slot_ticks))
        self._parameters = [parameters.scaled(factor) for factor in REPETITION_TEMPERATURES]
        self._sampling, self._spaces = plan.sampling, spaces
        self._generator = np.random.Generator(np.random.PCG64(plan.note_seed))
        self._given = GivenNotes(plan.given) if plan.given else None
        self.is_rejected = False
        self._gates, self._projections = gates[:, None], projections
        self._gates_cache: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._context_cache: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._chord_rows, self._chord_bonus = heads.chord_rows, heads.chord_bonus
        # (2 bars,) chord condition classes; 0 where the song has no chart.
        self._chords: list[int] = [chord + 1 for chord in chords] or [0] * (2 * plan.bars)
        self._roles = {part: chord_role(part) for part in plan.band}
        self._column = {part: column for column, part in enumerate(plan.band)}
        self._part_layer = heads.part_output_layer(plan.band, projections)
        pitches = {part: self.state.constraints.pitches_of(part) for part in plan.band}
        self._pitch_layers = {part: heads.output_layer("pitch", own) for part, own in pitches.items()}
        self._pitch_columns = {
            part: {pitch: column for column, pitch in enumerate(own)} for part, own in pitches.items()
        }
        first = len(plan.band) + len(LAGS)  # the activity bonuses follow the lookback's
        self._activity = [{p: first + n for p, n in zip(plan.band, row, strict=True)} for row in plan.activity.tolist()]

    @property
    def has_given_notes(self) -> bool:
        """Whether some parts are given, so that an event may be rejected."""
        return self._given is not None

    @property
    def gates(self) -> NDArray[np.float32]:
        """(1, G) contribution of the plan in the chord slot of the previous event, and of the part that played it."""
        slot, row = self.state.slot, self._column.get(self.state.previous_part, -1) + 1
        known = self._gates_cache.get((slot, row))
        if known is None:
            known = self._gates_cache[slot, row] = self._gates[slot] + self._projections.gates[row]
        return known

    @property
    def part_context(self) -> NDArray[np.float32]:
        """(3 W,) projected histograms of the part just chosen and the chord, for the note heads."""
        row, chord = self._column[self.state.part] + 1, self._chords[self.state.slot_after]
        known = self._context_cache.get((row, chord))
        if known is None:
            known = self._context_cache[row, chord] = self._projections.heads[row] + self._chord_rows[chord]
        return known

    def output_layer(self, field: str) -> OutputLayer:
        """Output layer of the band's parts, or of the pitches of the part just chosen."""
        return self._part_layer if field == "part" else self._pitch_layers[self.state.part]

    def sample(self, field: str, outputs: list[float]) -> int:
        """Sample ``field``, or take it from the primer or the given notes, and append it to the state.

        ``outputs``: those of ``Heads.logits`` or ``Heads.logits_by_song`` for this song; they are overwritten. Where
        the given notes reject the event, the state is as before it and ``is_rejected`` is set.
        """
        state = self.state
        chosen = state.forced(field)
        if chosen is None:
            given = self._given
            chosen = self._choose(field, outputs) if given is None else self._among_given(given, field, outputs)
        if chosen is None:
            state.retract()
            self.is_rejected = True
            return 0
        self.is_rejected = False
        state.append(chosen)
        if self._given is not None and state.event_complete:
            self._given.complete_event()
        note = state.completed_note if field == FIELDS[-1] else None
        if note is not None:
            for process in self._processors:
                process.update(note)
        return chosen

    def _choose(self, field: str, outputs: list[float], classes: Classes | None = None) -> int:
        """Sample one of the allowed ``classes`` of ``field``; by default those that the state allows."""
        state = self.state
        if classes is None:
            classes = state.allowed(field)
        logits = self._logits(field, outputs, classes)
        for process in self._processors:
            process.apply(field, classes, logits, state)
        parameters = self._parameters[self._repetition.level(state.bar_after, state.part)]
        return sample(logits, classes, parameters, self._sampling, self._generator, self._spaces[field])

    def _among_given(self, given: GivenNotes, field: str, outputs: list[float]) -> int | None:
        """The class of ``field`` where some parts are given; ``None`` if the event is rejected."""
        state = self.state
        chosen = given.forced(field)
        if chosen is not None:
            return chosen
        classes = given.allowed(field, state.allowed(field))
        sampled = self._choose(field, outputs, classes) if classes else None
        return given.decide(field, state.tick, sampled)

    def _logits(self, field: str, outputs: list[float], classes: Classes) -> list[float]:
        """Logits of the allowed ``classes``, with lookback bonuses and for parts activity bonuses."""
        if field == "pitch":
            columns = self._pitch_columns[self.state.part]
            logits = self._with_lookback(outputs, columns, classes)
            self._add_chord(logits, classes, outputs, len(columns) + len(LAGS) + 1)
            return logits
        if field == "part":
            logits, bonus = self._with_lookback(outputs, self._column, classes), self._activity[self.state.bar_after]
            for index, part in enumerate(classes):
                logits[index] += outputs[bonus[part]]
            return logits
        count = VOCABULARY[field]
        for lag, seen in enumerate(self.state.lookback):
            if seen != count:
                outputs[seen] += outputs[count + lag]
        if field == "time_shift":
            self.state.constraints.fold_eos(outputs, self.state.context)
        return [outputs[each] for each in classes]

    def _add_chord(self, logits: list[float], pitches: Classes, outputs: list[float], first: int) -> None:
        """Add to the logit of each pitch the bonus of its interval above the chord's root.

        ``outputs``: the head's, those of the 12 intervals from ``first`` on.
        """
        role, kind = self._roles[self.state.part], self._chords[self.state.slot_after] - 2
        if kind < 0 or role >= CHORD_ROLES:
            return
        root, quality = divmod(kind, len(QUALITIES))
        bonus = self._chord_bonus[role][quality][self.state.strength]
        for index, pitch in enumerate(pitches):
            interval = (pitch - root) % 12
            logits[index] += outputs[first + interval] + bonus[interval]

    def _with_lookback(self, outputs: list[float], columns: dict[int, int], classes: Classes) -> list[float]:
        """Logits of ``classes`` for an output layer of some classes only, each in its column."""
        first = len(columns)
        for lag, seen in enumerate(self.state.lookback):
            if seen in columns:
                outputs[columns[seen]] += outputs[first + lag]
        return [outputs[columns[each]] for each in classes]
