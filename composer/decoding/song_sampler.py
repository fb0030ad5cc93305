"""Samples the events of one song of a batch: its plan, state, logits processors and random numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from composer.decoding.biases import (
    ChordBias,
    ChordPlan,
    LogitsProcessor,
    MotifBias,
    NoteCountBias,
    RepetitionBias,
    SourceBars,
)
from composer.decoding.constraints import Classes
from composer.decoding.forced_notes import ForcedNotes
from composer.decoding.rules import ChordConstraint, EntranceRule
from composer.decoding.sampling import EmbeddingSpace, SamplingParameters, sample
from composer.decoding.song_state import SongState
from composer.exact import RandomStream
from composer.model.arithmetic.backends import Backend
from composer.model.arithmetic.fixed_point import Floats
from composer.model.checkpoint import Checkpoint
from composer.model.config import CHORD_ROLES, chord_role
from composer.model.engine import Engine
from composer.model.heads import Heads
from composer.model.packing import Integers
from composer.model.plan_inputs import PlanInputs, histogram_roots
from composer.planning.conditioning import slot_clock
from composer.planning.plan import Plan
from midi_data.chords import QUALITIES
from midi_data.events.encoding import FIELDS, VOCABULARY


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A loaded network: recurrent layers, heads, projections of plans, and the embedding space of each field."""

    engine: Engine
    heads: Heads
    plan_inputs: PlanInputs
    spaces: Mapping[str, EmbeddingSpace]

    @classmethod
    def of(cls, checkpoint: Checkpoint, backend: Backend | None = None) -> Model:
        """The packed network of ``checkpoint``."""
        weights = checkpoint.weights
        return cls(
            Engine(checkpoint, backend),
            Heads(weights, checkpoint.config),
            PlanInputs(weights),
            {field: EmbeddingSpace.of(weights[f"tables.{field}.weight"][:-1]) for field in FIELDS},
        )


class SongSampler:
    """One song: its ``state``, inputs, ``part_layer`` of its band, and ``choose`` for each field of an event."""

    def __init__(self, plan: Plan, parameters: SamplingParameters, model: Model) -> None:
        self.state = SongState(
            plan.band, plan.meter, plan.bars, plan.pitch_dropout, plan.activity, plan.masks,
            plan.source_lag,
        )  # fmt: skip
        chords: list[int] = [] if plan.chords is None else plan.chords.ravel().tolist()
        sources = SourceBars(plan.band, plan.part_repetition, plan.source_lag)
        self._processors = _processors(plan, ChordPlan(chords), sources)
        self._by_field = {field: [each for each in self._processors if field in each.fields] for field in FIELDS}
        self._parameters, self._sampling, self._spaces = parameters, plan.sampling, model.spaces
        self._stream = RandomStream(*plan.note_seed)
        self._forced = ForcedNotes(plan.primer, plan.given, plan.band, sources)
        self.is_rejected = False
        # (2 bars,) chord condition classes; 0 where the song has no chart.
        self._chords: list[int] = [chord + 1 for chord in chords] or [0] * (2 * plan.bars)
        self._chord_bonus: list[list[list[list[float]]]] = model.heads.chord_bonus.tolist()
        self._part_columns = {part: column for column, part in enumerate(plan.band)}
        self._activity: list[dict[int, int]] = [
            dict(zip(plan.band, row, strict=True)) for row in plan.activity.tolist()
        ]
        # The plan's inputs of the network by slot, and by the part of the previous event.
        roots = histogram_roots(plan.attribute_histograms, plan.band)
        fixed = model.plan_inputs.conditions(plan.labels, plan.band)
        bars = model.plan_inputs.activity(plan.activity, plan.band, roots)
        clock = slot_clock(plan.meter, plan.bars, plan.repetition, plan.activity, plan.chords)
        self._slots = np.repeat(bars + fixed, 2, axis=0) + model.engine.clock_inputs(clock)  # (2 bars, I)
        self._projections = model.plan_inputs.attributes(roots)
        self.part_layer = model.heads.part_layer(plan.band, self._projections)

    @property
    def plan_input(self) -> Integers:
        """(I,) input of the plan in the chord slot of the previous event, and of the part that played it."""
        own = self._projections.inputs[self._part_columns.get(self.state.previous[1], -1) + 1]
        inputs: Integers = self._slots[self.state.slot] + own
        return inputs

    @property
    def part_context(self) -> Floats:
        """(3, W) projected histograms of the part just chosen, for the note heads."""
        context: Floats = self._projections.heads[self._part_columns[self.state.part] + 1]
        return context

    def head_inputs(self, field: str) -> Sequence[int]:
        """Classes that enter the head of ``field``: chosen fields, position, a note's chord, lookback."""
        state = self.state
        lookback = state.read_lookback(field)
        if field == "time_shift":
            return lookback
        if field == "part":
            return [*state.event, state.position, *lookback]
        return [*state.event, state.position, self._chords[state.slot_after], *lookback]

    def choose(self, field: str, outputs: list[float]) -> None:
        """Sample ``field``, or take it from the primer or the forced notes, and append it to the state.

        ``outputs``: those of the output layer for this song; they are overwritten. Where the forced notes reject the
        event, the state is as before it and ``is_rejected`` is set.
        """
        state, forced = self.state, self._forced
        chosen = forced.forced(field)
        if chosen is None:
            classes = forced.allowed(field, state.allowed(field))
            chosen = forced.decide(field, state, self._sample(field, outputs, classes) if classes else None)
        self.is_rejected = chosen is None
        if chosen is None:
            state.retract()
            return
        note = state.append(chosen)
        if state.event_complete:
            forced.complete_event()
        if note is not None:
            for processor in self._processors:
                processor.update(note)

    def _sample(self, field: str, outputs: list[float], classes: Classes) -> int:
        if len(classes) == 1:
            return classes[0]
        state, logits = self.state, self._logits(field, outputs, classes)
        for processor in self._by_field[field]:
            processor.apply(classes, logits, state)
        return sample(logits, classes, self._parameters, self._sampling, self._stream, self._spaces[field])

    def _logits(self, field: str, outputs: list[float], classes: Classes) -> list[float]:
        """Logits of the allowed ``classes``, with lookback bonuses, of parts activity, of pitches chord bonuses."""
        state, count, places = self.state, VOCABULARY[field], classes
        seen: Sequence[int] = state.lookback
        if field == "part":  # its output layer has the band's parts only
            columns, count = self._part_columns, len(self._part_columns)
            seen, places = [columns.get(each, count) for each in seen], [columns[each] for each in classes]
        for lag, each in enumerate(seen, count):
            if each < count:
                outputs[each] += outputs[lag]
        if field == "time_shift":
            state.constraints.fold_eos(outputs, state.context)
        logits = [outputs[each] for each in places]
        more = count + len(seen)  # what follows the lookback's bonuses
        if field == "part":
            bins = self._activity[state.bar_after]
            return [logit + outputs[more + bins[part]] for logit, part in zip(logits, classes, strict=True)]
        return self._with_chord(logits, classes, outputs[more:]) if field == "pitch" else logits

    def _with_chord(self, logits: list[float], pitches: Classes, intervals: list[float]) -> list[float]:
        """Add to the logit of each pitch the bonus of its interval above the chord's root: the head's and a table's."""
        role, kind = chord_role(self.state.part), self._chords[self.state.slot_after] - 2
        if kind < 0 or role >= CHORD_ROLES:
            return logits
        root, quality = divmod(kind, len(QUALITIES))
        table = self._chord_bonus[role][quality][self.state.strength]
        bonus = [intervals[(tone - root) % 12] + table[(tone - root) % 12] for tone in range(12)]
        return [logit + bonus[pitch % 12] for logit, pitch in zip(logits, pitches, strict=True)]


def _processors(plan: Plan, chords: ChordPlan, sources: SourceBars) -> list[LogitsProcessor]:
    """The logit biases of a song, and its rules: entrances, asked chords."""
    processors = [
        NoteCountBias(plan.band, plan.activity, plan.meter.bar_ticks),
        RepetitionBias(sources, chords),
        MotifBias(plan.motif_bonus, chords),
        ChordBias(chords, plan.chord_strength),
        EntranceRule(plan.band, plan.activity),
    ]
    return [*processors, ChordConstraint(chords)] if plan.chord_strength > 1 else processors
