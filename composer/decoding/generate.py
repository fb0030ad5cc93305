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

from composer.decoding.parallel import Share, Written, compose_shared
from composer.decoding.sampling import Space
from composer.decoding.sampling_parameters import SamplingParameters, parameters_for
from composer.decoding.song_sampler import Desk
from composer.decoding.song_state import song_of
from composer.model.attribute_projections import roots_of
from composer.model.checkpoint import Checkpoint
from composer.model.config import LOOKS
from composer.model.engine import Engine, EngineState
from composer.model.heads import Heads
from composer.planning.conditioning import bar_clock
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


class Band:
    """A loaded network, ready to play. Holds nothing of any song; one serves a whole process."""

    def __init__(self, checkpoint: Checkpoint, how: How = parameters_for) -> None:
        """``how`` turns a plan's randomness and its genre's temperature into sampling parameters."""
        # The engine has what it needs of the weights; a process keeps them for as long as it lives.
        self.checkpoint = replace(checkpoint, weights={})
        self._how = how
        self.engine = Engine(checkpoint)
        tables = {field: checkpoint.weights[f"tables.{field}.weight"] for field in FIELDS}
        self._spaces = {field: Space.of(table[:-1].astype(np.float64)) for field, table in tables.items()}

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
            written = compose_shared(plans, processes, at_once, elsewhere, here)
        return [
            song_of(notes, plan.band, plan.meter, plan.bars, plan.tempo_bpm, plan.title)
            for notes, plan in zip(written, plans, strict=True)
        ]

    def _compose(
        self, plans: Sequence[Plan], share: Share, on_progress: OnProgress | None = None
    ) -> Iterator[tuple[int, Written]]:
        """The number and the notes of each song of a share as it ends."""
        heads = Heads(self.engine)
        going = {number: self._desk(plans[number], heads) for number in share.first}
        state = self.engine.start(len(going))
        shown = 0.0
        for step in count(1):
            if not going:
                return
            state = self._step(list(going.values()), heads, state)
            ended = {row: number for row, (number, desk) in enumerate(going.items()) if desk.writer.finished}
            if ended:
                state = state.without(ended)
            for number in ended.values():
                yield number, going.pop(number).writer.written
                following = share.waiting.take()
                if following is not None:
                    going[following] = self._desk(plans[following], heads)
                    state = state.beside(self.engine.start(1))
            if on_progress and (ended or step % STEPS_BETWEEN_REPORTS == 0):
                shown = max(shown, share.done(sum(1 - desk.writer.progress for desk in going.values())))
                on_progress(shown)

    def _desk(self, plan: Plan, heads: Heads) -> Desk:
        engine, roots = self.engine, roots_of(plan.tendencies, plan.band)
        told = engine.condition(plan.labels, plan.band) + engine.playing(plan.levels, plan.band, roots)
        told = told + engine.bar_gates(bar_clock(plan.meter, plan.bars, plan.form, plan.levels))
        inclined = engine.inclined(roots)
        return Desk(plan, self._how(plan.randomness, plan.temperature), self._spaces, told, inclined, heads)

    def _step(self, desks: list[Desk], heads: Heads, state: EngineState) -> EngineState:
        rows = np.array(inputs_of(desks))
        rows += self.engine.row_starts
        told = desks[0].told_now if len(desks) == 1 else np.concatenate([desk.told_now for desk in desks])
        state = self.engine.recur(rows, told, state)
        inner = heads.begin(state.hidden[-1])
        for field in FIELDS:
            looks = looks_of(desks, field)
            if field == LOOKS["note"][0]:
                notes = heads.look_at_notes(note_looks_of(desks))
            seen = notes[:, LOOKS["note"].index(field)] if field in LOOKS["note"] else heads.look(field, looks)
            if field in OWN:
                logits = heads.own_logits(field, inner, seen, [desk.out(field) for desk in desks])
            else:
                logits = heads.logits(field, inner, seen)
            chosen = chosen_by(desks, field, logits)
            if field == "advance" and any(desk.writer.event_complete for desk in desks):
                on = [row for row, desk in enumerate(desks) if not desk.writer.event_complete]
                if not on:
                    break
                desks, chosen, inner = [desks[row] for row in on], [chosen[row] for row in on], inner[on]
            if field == "advance":
                heads.move(inner, [desk.writer.position for desk in desks])
            if field == "part":
                heads.incline(inner, [desk.inclination for desk in desks])
            if field != FIELDS[-1]:
                heads.add(inner, field, chosen)
        return state


def inputs_of(desks: Sequence[Desk]) -> list[list[int]]:
    """What each song shows the network next: ``composer.decoding.song_state``."""
    return [desk.writer.inputs() for desk in desks]


def looks_of(desks: Sequence[Desk], field: str) -> list[list[int]]:
    """What each song looks back to in ``field``."""
    return [desk.writer.looks(field) for desk in desks]


def note_looks_of(desks: Sequence[Desk]) -> list[list[int]]:
    """What each song looks back to in all fields of a note, once ``pitch`` was looked at."""
    return [desk.writer.note_looks for desk in desks]


def chosen_by(desks: Sequence[Desk], field: str, logits: Sequence[list[float]]) -> list[int]:
    """What each song chooses in ``field``, by its own row of ``logits``."""
    return [desk.take(field, row) for desk, row in zip(desks, logits, strict=True)]
