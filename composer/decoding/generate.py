"""Generates songs from plans: several songs side by side, one event of each at a time.

Every song has its own random numbers and is the same, bit for bit, in any batch and on any device.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController, threadpool_limits

from composer.decoding.expression import add_expression
from composer.decoding.sampling import SamplingParameters, parameters_for
from composer.decoding.song_sampler import Model, SongSampler
from composer.decoding.sounding import song_of
from composer.model.arithmetic.backends import Backend
from composer.model.arithmetic.fixed_point import Floats
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS
from composer.model.engine import State
from composer.model.expression_file import shipped_expression
from composer.planning.plan import Plan
from midi_data.events.encoding import FIELDS
from midi_data.song import Song

NoteRows = NDArray[np.int32]
"""(N, 5) notes of one song: ``SongState.notes``."""
OnProgress = Callable[[float], None]
KeyT = TypeVar("KeyT", bound=Hashable)
Take = Callable[[int], Iterable[tuple[KeyT, Plan]]]
"""Most further plans that are tried, each with a key of its own."""
ParameterRule = Callable[[float, float], SamplingParameters]
"""(randomness, the genre's temperature) → sampling parameters."""
EVENTS_BETWEEN_PLANS = 50
BATCH_SIZE = 16
"""Songs side by side; more do not lower the cost of a note, and need memory."""


class Composer:
    """A loaded network. Stateless: one serves a whole process."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        parameters: ParameterRule = parameters_for,
        *,
        backend: Backend | None = None,
    ) -> None:
        # The model has its own packed copy of the weights.
        self.checkpoint = replace(checkpoint, weights={})
        self._parameters = parameters
        with threadpool_limits(1):  # BLAS's threads wait for one another longer than they compute
            self.model = Model.of(checkpoint, backend)
        self._threads = ThreadpoolController()

    def compose(
        self, plans: Sequence[Plan], on_progress: OnProgress | None = None, *, batch_size: int = BATCH_SIZE
    ) -> list[Song]:
        """The songs of ``plans``, in order: ``batch_size`` side by side, the longest first.

        ``on_progress`` receives 0 … 1 of all of them, never falling.
        """
        waiting = sorted(range(len(plans)), key=lambda number: plans[number].bars)
        shown = 0.0

        def take(count: int) -> list[tuple[int, Plan]]:
            taken = [waiting.pop() for _ in range(min(count, len(waiting)))]
            return [(number, plans[number]) for number in taken]

        def report(unfinished: float) -> None:
            nonlocal shown
            shown = max(shown, 1 - (len(waiting) + unfinished) / len(plans))
            if on_progress:
                on_progress(shown)

        songs = dict(self.stream(take, batch_size, report))
        return [songs[number] for number in range(len(plans))]

    def stream(
        self, take: Take[KeyT], batch_size: int, report: Callable[[float], None] = lambda _unfinished: None
    ) -> Iterator[tuple[KeyT, Song]]:
        """(key, song) of each plan of ``take`` as it ends, at most ``batch_size`` side by side.

        ``take`` is asked when there is room, every ``EVENTS_BETWEEN_PLANS`` events; the stream ends when no song is
        left. ``report`` receives the number of unfinished songs, those that have begun in part.
        """
        engine, batch = self.model.engine, dict[KeyT, SongSampler]()
        state, plans = engine.start(0), dict[KeyT, Plan]()
        while True:
            begun = dict(take(batch_size - len(batch))) if len(batch) < batch_size else {}
            state = engine.continued(state, range(len(batch)), len(begun))
            plans |= begun
            with self._threads.limit(limits=1):
                batch |= {key: self._sampler(plan) for key, plan in begun.items()}
                if not batch:
                    return
                state = self._events(list(batch.values()), state)
            ended = [key for key, song in batch.items() if song.state.finished]
            state = engine.continued(state, [row for row, key in enumerate(batch) if key not in ended], 0)
            notes = {key: batch.pop(key).state.notes for key in ended}
            report(sum(1 - song.state.progress for song in batch.values()))
            for key in ended:
                yield key, self._song(notes[key], plans.pop(key))

    def _song(self, notes: NoteRows, plan: Plan) -> Song:
        """The song of its generated notes, with exact velocities and lengths."""
        song = song_of(new_notes(notes, plan), plan.band, plan.meter, plan.bars, plan.tempo_bpm, plan.title)
        names = self.checkpoint.header.genres
        genres = {names[row]: weight for row, weight in plan.labels[CONDITIONS.index("genre")]}
        with self._threads.limit(limits=1):
            return add_expression(song, genres, plan.note_seed, shipped_expression())

    def _sampler(self, plan: Plan) -> SongSampler:
        return SongSampler(plan, self._parameters(plan.randomness, plan.temperature), self.model)

    def _events(self, songs: list[SongSampler], state: State) -> State:
        """``EVENTS_BETWEEN_PLANS`` events of each of ``songs``, or fewer if one of them ends."""
        for _ in range(EVENTS_BETWEEN_PLANS):
            state = self._event(songs, state)
            if any(song.state.finished for song in songs):
                break
        return state

    def _event(self, songs: list[SongSampler], state: State) -> State:
        """One event of each of ``songs``: a note, a wait or the end."""
        engine = self.model.engine
        inputs = engine.inputs(np.array([song.state.inputs() for song in songs]))  # (B, I)
        inputs += np.array([song.plan_input for song in songs])  # (B, I)
        inner, state = engine.step(inputs, state)  # (B, 5, W)
        self._fields(songs, inner)
        return state

    def _fields(self, songs: list[SongSampler], inner: Floats) -> None:
        """The fields of one event of each of ``songs``; ``inner`` (B, 5, W) is overwritten."""
        heads = self.model.heads
        for field in FIELDS:
            hidden = heads.hidden(field, inner, np.array([song.head_inputs(field) for song in songs]))  # (B, W)
            outputs: list[list[float]]  # (B, V + K), V the band of each song or all classes of the field
            if field == "part":
                outputs = [song.part_layer(row).tolist() for song, row in zip(songs, hidden, strict=True)]
            else:
                outputs = heads.layers[field](hidden).tolist()
            for song, row in zip(songs, outputs, strict=True):
                song.choose(field, row)
            if field in ("time_shift", "part"):  # waits and ends have no further fields
                rejected = [row for row, song in enumerate(songs) if song.is_rejected]
                if rejected:  # they complete the event from another time shift
                    self._fields([songs[row] for row in rejected], inner[rejected])
                going = [row for row, song in enumerate(songs) if not song.state.event_complete]
                if not going:
                    break
                if len(going) < len(songs):
                    songs, inner = [songs[row] for row in going], inner[going]
            if field == "part":
                inner[:, 2:] += np.array([song.part_context for song in songs])


def new_notes(notes: NoteRows, plan: Plan) -> NoteRows:
    """(N, 5) the rows of ``notes`` that were composed: not those that ``plan`` keeps exactly."""
    composed = notes[:, 0] >= plan.kept_ticks
    if plan.given is not None:
        composed &= np.isin(notes[:, 1], list(plan.given.sampled))
    return notes[composed]
