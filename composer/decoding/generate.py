"""From plans to songs: step, constrain, sample, several songs side by side, until all have ended.

Each song has its own generator and is the same bit for bit whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count

import numpy as np
from threadpoolctl import threadpool_limits

from composer.decoding.expression import add_expression
from composer.decoding.parallel import NoteRows, WorkItem, compose_parallel
from composer.decoding.sampling import EmbeddingSpace
from composer.decoding.sampling_parameters import SamplingParameters, parameters_for
from composer.decoding.song_sampler import SongSampler
from composer.decoding.song_state import song_of
from composer.model.attribute_projections import histogram_roots
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS, LOOKBACK_FIELDS
from composer.model.engine import Engine, EngineState
from composer.model.expression import shipped_expression
from composer.model.heads import Heads
from composer.planning.conditioning import slot_clock
from composer.planning.plan import Plan
from midi_data.events.encoding import FIELDS
from midi_data.song import Song

OnProgress = Callable[[float], None]
How = Callable[[float, float], SamplingParameters]
STEPS_BETWEEN_REPORTS = 50
AT_ONCE = 16
"""More songs side by side gain nothing more a note, and hold memory."""
OWN = ("part", "pitch")
"""Fields of which each song, or each of its parts, has a few classes only."""


class Composer:
    """A loaded network, ready to play. Holds nothing of any song; one serves a whole process."""

    def __init__(self, checkpoint: Checkpoint, how: How = parameters_for) -> None:
        """``how`` turns a plan's randomness and its genre's temperature into sampling parameters."""
        # The engine has what it needs of the weights; a process keeps them for as long as it lives.
        self.checkpoint = replace(checkpoint, weights={})
        self._how = how
        self.engine = Engine(checkpoint)
        tables = {field: checkpoint.weights[f"tables.{field}.weight"] for field in FIELDS}
        self._embedding_spaces = {
            field: EmbeddingSpace.of(table[:-1].astype(np.float64)) for field, table in tables.items()
        }

    def compose(
        self,
        plans: Sequence[Plan],
        on_progress: OnProgress | None = None,
        *,
        processes: int = 1,
        at_once: int = AT_ONCE,
    ) -> list[Song]:
        """The songs of ``plans``, in order. ``on_progress`` hears 0 … 1 of the whole batch, never falling.

        ``at_once``: so many songs are going side by side; whenever one ends, the next begins. ``processes``: share
        them out among so many, where there are enough (``composer.decoding.parallel``).
        """
        elsewhere, here = partial(self._compose, plans), partial(self._compose, plans, on_progress=on_progress)
        # A step's products are small: threads would wait for one another, for long where the machine is busy.
        with threadpool_limits(1, user_api="blas"):
            written = compose_parallel(plans, processes, at_once, elsewhere, here)
            return [self._song(notes, plan) for notes, plan in zip(written, plans, strict=True)]

    def _song(self, written: NoteRows, plan: Plan) -> Song:
        """The song of its written notes, with exact velocities and lengths."""
        song = song_of(written, plan.band, plan.meter, plan.bars, plan.tempo_bpm, plan.title)
        names = self.checkpoint.header.genres
        genres = {names[row]: weight for row, weight in plan.labels[CONDITIONS.index("genre")]}
        return add_expression(song, genres, plan.seed, shipped_expression())

    def _compose(
        self, plans: Sequence[Plan], share: WorkItem, on_progress: OnProgress | None = None
    ) -> Iterator[tuple[int, NoteRows]]:
        """The number and the notes of each song of a share as it ends."""
        heads = Heads(self.engine)
        going = {number: self._sampler(plans[number], heads) for number in share.first}
        state = self.engine.start(len(going))
        shown = 0.0
        for step in count(1):
            if not going:
                return
            state = self._step(list(going.values()), heads, state)
            ended = {row: number for row, (number, sampler) in enumerate(going.items()) if sampler.song_state.finished}
            if ended:
                state = state.without(ended)
            for number in ended.values():
                yield number, going.pop(number).song_state.written
                next_lookback = share.waiting.take()
                if next_lookback is not None:
                    going[next_lookback] = self._sampler(plans[next_lookback], heads)
                    state = state.beside(self.engine.start(1))
            if on_progress and (ended or step % STEPS_BETWEEN_REPORTS == 0):
                shown = max(shown, share.done(sum(1 - sampler.song_state.progress for sampler in going.values())))
                on_progress(shown)

    def _sampler(self, plan: Plan, heads: Heads) -> SongSampler:
        engine, roots = self.engine, histogram_roots(plan.attribute_histograms, plan.band)
        told = engine.condition_gates(plan.labels, plan.band) + engine.activity_gates(plan.activity, plan.band, roots)
        clock = slot_clock(plan.meter, plan.bars, plan.repetition, plan.activity, plan.chords)
        told = np.repeat(told, 2, axis=0) + engine.clock_gates(clock)
        attribute_projections = engine.attribute_projections(roots)
        return SongSampler(
            plan,
            self._how(plan.randomness, plan.temperature),
            self._embedding_spaces,
            told,
            attribute_projections,
            heads,
        )

    def _step(self, samplers: list[SongSampler], heads: Heads, state: EngineState) -> EngineState:
        rows = np.array(step_inputs_of(samplers))
        rows += self.engine.row_starts
        told = (
            samplers[0].condition_gates_now
            if len(samplers) == 1
            else np.concatenate([sampler.condition_gates_now for sampler in samplers])
        )
        state = self.engine.step(rows, told, state)
        inner = heads.project_hidden(state.hidden[-1])
        for field in FIELDS:
            looks = lookback_of(samplers, field)
            if field == LOOKBACK_FIELDS["note"][0]:
                notes = heads.note_lookback_sums(note_lookback_of(samplers))
            seen = (
                notes[:, LOOKBACK_FIELDS["note"].index(field)]
                if field in LOOKBACK_FIELDS["note"]
                else heads.lookback_sum(field, looks)
            )
            if field in OWN:
                logits = heads.logits_by_song(field, inner, seen, [sampler.out(field) for sampler in samplers])
            else:
                logits = heads.logits(field, inner, seen)
            chosen = sample_field(samplers, field, logits)
            if field == "time_shift" and any(sampler.song_state.event_complete for sampler in samplers):
                on = [row for row, sampler in enumerate(samplers) if not sampler.song_state.event_complete]
                if not on:
                    break
                samplers, chosen, inner = [samplers[row] for row in on], [chosen[row] for row in on], inner[on]
            if field == "time_shift":
                heads.add_position(inner, [sampler.song_state.position for sampler in samplers])
            if field == "part":
                heads.add_part_context(inner, [sampler.part_context for sampler in samplers])
            if field != FIELDS[-1]:
                heads.add_choice(inner, field, chosen)
        return state


def step_inputs_of(samplers: Sequence[SongSampler]) -> list[list[int]]:
    """What each song shows the network next: ``composer.decoding.song_state``."""
    return [sampler.song_state.inputs() for sampler in samplers]


def lookback_of(samplers: Sequence[SongSampler], field: str) -> list[list[int]]:
    """What each song looks back to in ``field``."""
    return [sampler.song_state.looks(field) for sampler in samplers]


def note_lookback_of(samplers: Sequence[SongSampler]) -> list[list[int]]:
    """What each song looks back to in all fields of a note, once ``pitch`` was looked at."""
    return [sampler.song_state.note_lookback for sampler in samplers]


def sample_field(samplers: Sequence[SongSampler], field: str, logits: Sequence[list[float]]) -> list[int]:
    """What each song chooses in ``field``, by its own row of ``logits``."""
    return [sampler.take(field, row) for sampler, row in zip(samplers, logits, strict=True)]
