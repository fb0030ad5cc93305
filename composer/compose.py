"""From plans to songs: step, constrain, sample, until every song of a batch has ended.

Each song has its own generator and is the same bit for bit whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from composer.checkpoint import Checkpoint
from composer.constraints import ended
from composer.engine import Engine, EngineState
from composer.plan import Plan
from composer.sampling import SamplingParameters, choose, masked, neighbour_distance, parameters_for
from composer.writer import SongWriter
from midi_data.events import FIELDS, VOCABULARY
from midi_data.song import Song

OnProgress = Callable[[float], None]
How = Callable[[float, float], SamplingParameters]
STEPS_BETWEEN_REPORTS = 50


@dataclass(frozen=True, slots=True)
class _Space:
    """A field's tied embedding table (V, E) and its step size."""

    table: NDArray[np.float64]
    distance: float


class Band:
    """A loaded network, ready to play. Holds nothing of any song; one serves a whole process."""

    def __init__(self, checkpoint: Checkpoint, how: How = parameters_for) -> None:
        """``how`` turns a plan's randomness and its genre's temperature into sampling parameters."""
        self.checkpoint = checkpoint
        self._how = how
        self.engine = Engine(checkpoint)
        self._spaces: dict[str, _Space] = {}

    def compose(self, plans: Sequence[Plan], on_progress: OnProgress | None = None) -> list[Song]:
        """The songs of ``plans``, in order. ``on_progress`` hears 0 … 1 of the whole batch."""
        # A step's products are small: threads would wait for one another, for long where the machine is busy.
        with threadpool_limits(1, user_api="blas"):
            return self._compose(plans, on_progress)

    def _compose(self, plans: Sequence[Plan], on_progress: OnProgress | None) -> list[Song]:
        desks = [_Desk(plan, self._how(plan.randomness, plan.temperature)) for plan in plans]
        conditions = [self._conditions(plan) for plan in plans]
        state = self.engine.start(len(desks))
        going = np.arange(len(desks))
        steps = 0
        while len(going):
            told = np.stack([conditions[i][desks[i].writer.bar] for i in going])
            state = self._step([desks[i] for i in going], told, state)
            kept = np.array([not desks[i].writer.finished for i in going], dtype=np.bool_)
            if not kept.all():
                going = going[kept]
                state = EngineState(state.hidden[:, kept], state.cell[:, kept])
            steps += 1
            if on_progress and steps % STEPS_BETWEEN_REPORTS == 0:
                on_progress(sum(desk.writer.progress for desk in desks) / len(desks))
        return [desk.writer.song(desk.plan.tempo_bpm, desk.plan.title) for desk in desks]

    def _conditions(self, plan: Plan) -> NDArray[np.float32]:
        """(bars, G): what a plan's conditions add to the first layer's gates in each bar."""
        return self.engine.condition(plan.labels, plan.band) + self.engine.playing(plan.levels, plan.band)

    def _step(self, desks: Sequence[_Desk], conditions: NDArray[np.float32], state: EngineState) -> EngineState:
        previous, clock, following, matched = (
            np.array(column) for column in zip(*(d.writer.inputs() for d in desks), strict=True)
        )
        state = self.engine.recur(self.engine.input_rows(previous, clock, following, matched), conditions, state)
        before = self.engine.before_heads(state.hidden[-1])
        active = list(range(len(desks)))
        for index, field in enumerate(FIELDS):
            chosen = np.array([desks[i].writer.chosen for i in active], dtype=np.int64).reshape(len(active), index)
            position = np.array([[desks[i].writer.position] for i in active]) if index else None
            looks = np.array([desks[i].writer.looks(field) for i in active])
            levels = np.stack([desks[i].levels for i in active]) if field == "part" else None
            logits = self.engine.logits(field, before[active], chosen, position, looks, levels)
            for row, i in enumerate(active):
                desks[i].take(field, logits[row], self._space(field))
            active = [i for i in active if not desks[i].writer.event_complete]
            if not active:
                break
        return state

    def _space(self, field: str) -> _Space:
        if field not in self._spaces:
            table = self.checkpoint.weights[f"tables.{field}.weight"][:-1].astype(np.float64)
            self._spaces[field] = _Space(table, neighbour_distance(table))
        return self._spaces[field]


class _Desk:
    """One song of a batch: its plan, its writer and its generator."""

    def __init__(self, plan: Plan, how: SamplingParameters) -> None:
        self.plan = plan
        self._how = how
        self.writer = SongWriter(
            plan.band, plan.meter, plan.bars, plan.form, plan.hidden, plan.primer, plan.levels, plan.habits
        )
        self._levels = np.zeros((plan.bars, VOCABULARY["part"]), dtype=np.int64)
        self._levels[:, list(plan.band)] = plan.levels
        self._generator = np.random.Generator(np.random.PCG64(plan.seed))

    @property
    def levels(self) -> NDArray[np.int64]:
        """(V_part,) how much each part plays in the bar of the present event."""
        row: NDArray[np.int64] = self._levels[self.writer.bar_after]
        return row

    def take(self, field: str, logits: NDArray[np.float32], space: _Space) -> None:
        """Choose the class of ``field``: the primer's while there is one, else a drawn one."""
        forced = self.writer.forced(field)
        if forced is not None:
            self.writer.choose(forced)
            return
        if field == "advance":
            logits = ended(logits, self.writer.standing)
        allowed = masked(logits, self.writer.allowed(field))
        self.writer.choose(choose(allowed, self._how, self.plan.sampling, self._generator, space.table, space.distance))
