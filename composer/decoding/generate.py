"""Generates songs from plans: several songs side by side, one event of each at a time.

Every song has its own random numbers and is the same, bit for bit, in any batch and on any device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from composer.decoding.expression import add_expression
from composer.decoding.parameters import BIASES
from composer.decoding.sampling import EmbeddingSpace, SamplingParameters, parameters_for
from composer.decoding.song_sampler import Model, SongSampler
from composer.decoding.sounding import song_of
from composer.model.arithmetic.backends import Backend
from composer.model.arithmetic.fixed_point import Floats
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS
from composer.model.engine import Engine, State
from composer.model.expression import shipped_expression
from composer.model.heads import Heads
from composer.model.plan_inputs import PlanInputs
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

    def __init__(
        self,
        checkpoint: Checkpoint,
        parameters: ParameterRule = parameters_for,
        *,
        biases: Collection[str] = BIASES,
        backend: Backend | None = None,
    ) -> None:
        """``biases``: logit biases that are applied (``composer.decoding.parameters``)."""
        # The model has its own packed copy of the weights.
        self.checkpoint = replace(checkpoint, weights={})
        self._parameters, self._biases = parameters, biases
        weights = checkpoint.weights
        self.model = Model(
            Engine(checkpoint, backend),
            Heads(weights, checkpoint.config),
            PlanInputs(weights),
            {field: EmbeddingSpace.of(weights[f"tables.{field}.weight"][:-1]) for field in FIELDS},
        )

    def compose(
        self, plans: Sequence[Plan], on_progress: OnProgress | None = None, *, batch_size: int = BATCH_SIZE
    ) -> list[Song]:
        """The songs of ``plans``, in order; see ``generate``."""
        songs = dict(self.generate(plans, on_progress, batch_size=batch_size))
        return [songs[number] for number in range(len(plans))]

    def generate(
        self, plans: Sequence[Plan], on_progress: OnProgress | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Iterator[tuple[int, Song]]:
        """(number, song) of each of ``plans`` as it ends, ``batch_size`` songs side by side, the longest first.

        ``on_progress`` receives 0 … 1 of the whole batch, never falling.
        """
        for number, rows in self._notes(plans, on_progress, batch_size):
            yield number, self._song(rows, plans[number])

    def _song(self, notes: NoteRows, plan: Plan) -> Song:
        """The song of its generated notes, with exact velocities and lengths."""
        song = song_of(new_notes(notes, plan), plan.band, plan.meter, plan.bars, plan.tempo_bpm, plan.title)
        names = self.checkpoint.header.genres
        genres = {names[row]: weight for row, weight in plan.labels[CONDITIONS.index("genre")]}
        return add_expression(song, genres, plan.note_seed, shipped_expression())

    def _notes(
        self, plans: Sequence[Plan], on_progress: OnProgress | None, batch_size: int
    ) -> Iterator[tuple[int, NoteRows]]:
        waiting = deque(sorted(range(len(plans)), key=lambda number: -plans[number].bars))
        batch: dict[int, SongSampler] = {}
        engine, shown, steps = self.model.engine, 0.0, 0
        state = engine.start(0)
        while waiting or batch:
            begun = [waiting.popleft() for _ in range(min(batch_size - len(batch), len(waiting)))]
            if begun:
                state = engine.continued(state, range(len(batch)), len(begun))
                batch |= {number: self._sampler(plans[number]) for number in begun}
            # The products of a step are too small to gain from threads, which wait for one another.
            with threadpool_limits(1):
                while True:
                    state, steps = self._event(list(batch.values()), state), steps + 1
                    going = [row for row, song in enumerate(batch.values()) if not song.state.finished]
                    if len(going) < len(batch):
                        break
                    if on_progress and steps % STEPS_BETWEEN_REPORTS == 0:
                        shown = max(shown, self._progress(batch, len(waiting), len(plans)))
                        on_progress(shown)
            state = engine.continued(state, going, 0)
            for number in [number for number, song in batch.items() if song.state.finished]:
                yield number, batch.pop(number).state.notes
            if on_progress:
                shown = max(shown, self._progress(batch, len(waiting), len(plans)))
                on_progress(shown)

    def _progress(self, batch: dict[int, SongSampler], waiting: int, songs: int) -> float:
        left = waiting + sum(1 - song.state.progress for song in batch.values())
        return 1 - left / songs

    def _sampler(self, plan: Plan) -> SongSampler:
        return SongSampler(plan, self._parameters(plan.randomness, plan.temperature), self.model, self._biases)

    def _event(self, songs: list[SongSampler], state: State) -> State:
        """One event of each of ``songs``: a note, a wait or the end."""
        engine = self.model.engine
        rows = np.array([song.state.inputs() for song in songs]) + engine.row_starts  # (B, R)
        inputs = engine.inputs(rows) + np.stack([song.plan_input for song in songs])  # (B, I)
        inner, state = engine.step(inputs, state)  # (B, 5, W)
        self._fields(songs, inner)
        return state

    def _fields(self, songs: list[SongSampler], inner: Floats) -> None:
        """The fields of one event of each of ``songs``; ``inner`` (B, 5, W) is overwritten."""
        heads = self.model.heads
        for field in FIELDS:
            hidden = heads.hidden(field, inner, np.array([song.head_inputs(field) for song in songs]))  # (B, W)
            outputs: Sequence[NDArray[Any]]
            if field in BY_SONG:
                outputs = [song.output_layer(field)(row) for song, row in zip(songs, hidden, strict=True)]
            else:
                outputs = list(heads.layers[field](hidden))  # (B, V + K)
            for song, row in zip(songs, outputs, strict=True):
                song.choose(field, row.tolist())
            if field == "time_shift":  # waits and ends have no further fields
                going = [row for row, song in enumerate(songs) if not song.state.event_complete]
                if not going:
                    break
                songs, inner = [songs[row] for row in going], inner[going]
            if field == "part":
                rejected = [row for row, song in enumerate(songs) if song.is_rejected]
                if rejected:  # they go on from another time shift
                    self._fields([songs[row] for row in rejected], inner[rejected])
                    kept = [row for row in range(len(songs)) if row not in rejected]
                    songs, inner = [songs[row] for row in kept], inner[kept]
                    if not songs:
                        break
                inner[:, 2:] += np.stack([song.part_context for song in songs])


def new_notes(notes: NoteRows, plan: Plan) -> NoteRows:
    """(N, 5) the rows of ``notes`` that were composed: not those that ``plan`` keeps exactly."""
    composed = notes[:, 0] >= plan.kept_ticks
    if plan.given is not None:
        composed &= np.isin(notes[:, 1], list(plan.given.sampled))
    return notes[composed]
