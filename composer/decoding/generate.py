"""Generates songs from plans: several songs side by side, one event of each at a time.

Every song has its own random generator and is the same, bit for bit, in any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from composer.decoding.expression import add_expression
from composer.decoding.sampling import EmbeddingSpace, SamplingParameters, parameters_for
from composer.decoding.song_sampler import SongSampler
from composer.decoding.sounding import song_of
from composer.model.attribute_projections import histogram_roots
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS
from composer.model.engine import Engine, EngineState
from composer.model.expression import shipped_expression
from composer.model.heads import Heads
from composer.planning.conditioning import slot_clock
from composer.planning.plan import Plan
from midi_data.events.encoding import FIELDS
from midi_data.song import Song

NoteRows = NDArray[np.int32]
"""(N, 5) notes of one song: ``SongState.notes``."""
OnProgress = Callable[[float], None]
ParameterRule = Callable[[float, float], SamplingParameters]
"""(randomness, the genre's temperature) → sampling parameters."""
STEPS_BETWEEN_REPORTS = 50
BATCH_SIZE = 16
"""Songs side by side; more do not lower the cost of a note, and need memory."""
BY_SONG = ("part", "pitch")
"""Fields whose output layer is reduced to the classes of each song or part."""


class Composer:
    """A loaded network. Stateless: one serves a whole process."""

    def __init__(self, checkpoint: Checkpoint, parameters: ParameterRule = parameters_for) -> None:
        # The engine has its own packed copy of the weights.
        self.checkpoint = replace(checkpoint, weights={})
        self._parameters = parameters
        self.engine = Engine(checkpoint)
        tables = {field: checkpoint.weights[f"tables.{field}.weight"] for field in FIELDS}
        self._spaces = {field: EmbeddingSpace.of(table[:-1].astype(np.float64)) for field, table in tables.items()}

    def compose(
        self,
        plans: Sequence[Plan],
        on_progress: OnProgress | None = None,
        *,
        batch_size: int = BATCH_SIZE,
    ) -> list[Song]:
        """The songs of ``plans``, in order. ``on_progress`` receives 0 … 1 of the whole batch, never falling.

        ``batch_size`` songs are generated side by side; when one ends, the next begins, the longest first.
        """
        # The products of a step are too small to gain from threads, which wait for one another on a busy machine.
        with threadpool_limits(1, user_api="blas"):
            notes = dict(self._generate(plans, batch_size, on_progress))
            return [self._song(notes[number], plan) for number, plan in enumerate(plans)]

    def _song(self, notes: NoteRows, plan: Plan) -> Song:
        """The song of its generated notes, with exact velocities and lengths."""
        song = song_of(new_notes(notes, plan), plan.band, plan.meter, plan.bars, plan.tempo_bpm, plan.title)
        names = self.checkpoint.header.genres
        genres = {names[row]: weight for row, weight in plan.labels[CONDITIONS.index("genre")]}
        return add_expression(song, genres, plan.note_seed, shipped_expression())

    def _generate(
        self, plans: Sequence[Plan], batch_size: int, on_progress: OnProgress | None
    ) -> Iterator[tuple[int, NoteRows]]:
        """(number, notes) of each of ``plans`` as it ends."""
        heads = Heads(self.engine)
        waiting = sorted(range(len(plans)), key=lambda number: plans[number].bars)
        going = {
            number: self._sampler(plans[number], heads) for number in reversed(waiting[-min(batch_size, len(plans)) :])
        }
        del waiting[-len(going) :]
        state = self.engine.start(len(going))
        shown = 0.0
        for step in count(1):
            if not going:
                return
            state = self._step(list(going.values()), heads, state)
            ended = {row: number for row, (number, song) in enumerate(going.items()) if song.state.finished}
            if ended:
                state = state.without(ended)
            for number in ended.values():
                yield number, going.pop(number).state.notes
                if waiting:
                    begins = waiting.pop()
                    going[begins] = self._sampler(plans[begins], heads)
                    state = state.beside(self.engine.start(1))
            if on_progress and (ended or step % STEPS_BETWEEN_REPORTS == 0):
                left = len(waiting) + sum(1 - song.state.progress for song in going.values())
                shown = max(shown, 1 - left / len(plans))
                on_progress(shown)

    def _sampler(self, plan: Plan, heads: Heads) -> SongSampler:
        engine, roots = self.engine, histogram_roots(plan.attribute_histograms, plan.band)
        gates = engine.condition_gates(plan.labels, plan.band) + engine.activity_gates(plan.activity, plan.band, roots)
        clock = slot_clock(plan.meter, plan.bars, plan.repetition, plan.activity, plan.chords)
        gates = np.repeat(gates, 2, axis=0) + engine.clock_gates(clock)  # (2 bars, G)
        parameters = self._parameters(plan.randomness, plan.temperature)
        return SongSampler(plan, parameters, self._spaces, gates, engine.attribute_projections(roots), heads)

    def _step(self, songs: list[SongSampler], heads: Heads, state: EngineState) -> EngineState:
        """One event of each of ``songs``: a note, a wait or the end."""
        rows = np.array(step_inputs_of(songs)) + self.engine.row_starts  # (B, R)
        state = self.engine.step(rows, gates_of(songs), state)
        self._sample_fields(songs, heads, heads.project_hidden(state.hidden[-1]))
        return state

    def _sample_fields(self, songs: list[SongSampler], heads: Heads, inner: NDArray[np.float32]) -> None:
        """The fields of one event of each of ``songs``; ``inner`` (B, 5 W) is overwritten."""
        before = inner.copy() if any(song.has_given_notes for song in songs) else inner
        for field in FIELDS:
            lookback = heads.lookback_sum(field, lookback_of(songs, field))  # (B, W)
            if field in BY_SONG:
                layers = [song.output_layer(field) for song in songs]
                outputs = heads.logits_by_song(field, inner, lookback, layers)
            else:
                outputs = heads.logits(field, inner, lookback)
            chosen = sample_field(songs, field, outputs)
            if field == "time_shift":
                going = [row for row, song in enumerate(songs) if not song.state.event_complete]
                if not going:
                    break
                if len(going) < len(songs):  # waits and ends have no further fields
                    songs, chosen = [songs[row] for row in going], [chosen[row] for row in going]
                    inner, before = inner[going], before[going]
                heads.add_position(inner, [song.state.position for song in songs])
            if field == "part":
                rejected = [row for row, song in enumerate(songs) if song.is_rejected]
                if rejected:  # at another tick, then they have all their fields
                    self._sample_fields([songs[row] for row in rejected], heads, before[rejected])
                    kept = [row for row in range(len(songs)) if row not in rejected]
                    if not kept:
                        break
                    songs, chosen, inner = [songs[row] for row in kept], [chosen[row] for row in kept], inner[kept]
                heads.add_part_context(inner, [song.part_context for song in songs])
            if field != FIELDS[-1]:
                heads.add_choice(inner, field, chosen)


def new_notes(notes: NoteRows, plan: Plan) -> NoteRows:
    """(N, 5) the rows of ``notes`` that were composed: not those that ``plan`` keeps exactly."""
    composed = notes[:, 0] >= plan.kept_ticks
    if plan.given is not None:
        composed &= np.isin(notes[:, 1], list(plan.given.sampled))
    return notes[composed]


def step_inputs_of(songs: Sequence[SongSampler]) -> list[list[int]]:
    """Inputs of each song's next step: ``SongState.inputs``."""
    return [song.state.inputs() for song in songs]


def gates_of(songs: Sequence[SongSampler]) -> NDArray[np.float32]:
    """(B, G) contribution of each song's plan to the first layer's gates."""
    return songs[0].gates if len(songs) == 1 else np.concatenate([song.gates for song in songs])


def lookback_of(songs: Sequence[SongSampler], field: str) -> list[list[int]]:
    """Lookback classes of each song in ``field``."""
    return [song.state.read_lookback(field) for song in songs]


def sample_field(songs: Sequence[SongSampler], field: str, outputs: Sequence[list[float]]) -> list[int]:
    """The class that each song samples in ``field``."""
    return [song.sample(field, row) for song, row in zip(songs, outputs, strict=True)]
