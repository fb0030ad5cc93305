"""From plans to songs: step, constrain, sample, until every song of a batch has ended.

Each song has its own generator and is the same bit for bit whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from composer.amounts import Amounts
from composer.checkpoint import Checkpoint
from composer.choosing import Space, choose
from composer.conditions import bar_clock
from composer.constraints import Classes
from composer.engine import Engine, EngineState
from composer.heads import Heads, PartOut
from composer.inclined import Inclined, roots_of
from composer.leaning import Leaning
from composer.plan import Plan
from composer.returning import Returned
from composer.sampling import RETURNING, SamplingParameters, parameters_for
from composer.shares import Written, compose_shared
from composer.writer import SongWriter, song_of
from midi_data.arrangement import LEVEL_CLASSES
from midi_data.events import FIELDS, VOCABULARY
from midi_data.form import level_of
from midi_data.song import Song
from midi_data.steps import LAGS

OnProgress = Callable[[float], None]
How = Callable[[float, float], SamplingParameters]
STEPS_BETWEEN_REPORTS = 50


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
        self, plans: Sequence[Plan], on_progress: OnProgress | None = None, *, processes: int = 1
    ) -> list[Song]:
        """The songs of ``plans``, in order. ``on_progress`` hears 0 … 1 of the whole batch.

        ``processes``: share them out among so many, where there are enough (``composer.shares``).
        """
        here = partial(self._compose, on_progress=on_progress)
        # A step's products are small: threads would wait for one another, for long where the machine is busy.
        with threadpool_limits(1, user_api="blas"):
            written = compose_shared(plans, processes, self._compose, here)
        return [
            song_of(notes, plan.band, plan.meter, plan.bars, plan.tempo_bpm, plan.title)
            for notes, plan in zip(written, plans, strict=True)
        ]

    def _compose(self, plans: Sequence[Plan], on_progress: OnProgress | None = None) -> list[Written]:
        heads = Heads(self.engine)
        desks = [self._desk(plan, heads) for plan in plans]
        state = self.engine.start(len(desks))
        going = desks
        steps = 0
        while going:
            state = self._step(going, heads, state)
            if any(desk.writer.finished for desk in going):
                kept = [row for row, desk in enumerate(going) if not desk.writer.finished]
                going = [going[row] for row in kept]
                state = EngineState(state.hidden[:, kept], state.cell[:, kept])
            steps += 1
            if on_progress and steps % STEPS_BETWEEN_REPORTS == 0:
                on_progress(sum(desk.writer.progress for desk in desks) / len(desks))
        return [desk.writer.written for desk in desks]

    def _desk(self, plan: Plan, heads: Heads) -> _Desk:
        engine, roots = self.engine, roots_of(plan.tendencies, plan.band)
        told = engine.condition(plan.labels, plan.band) + engine.playing(plan.levels, plan.band, roots)
        told = told + engine.bar_gates(bar_clock(plan.meter, plan.bars, plan.form, plan.levels))
        inclined = engine.inclined(roots)
        out = heads.part_out(plan.band, inclined)
        return _Desk(plan, self._how(plan.randomness, plan.temperature), self._spaces, told, inclined, out)

    def _step(self, desks: list[_Desk], heads: Heads, state: EngineState) -> EngineState:
        rows = np.array([desk.writer.inputs() for desk in desks])
        rows += self.engine.row_starts
        told = desks[0].told_now if len(desks) == 1 else np.concatenate([desk.told_now for desk in desks])
        state = self.engine.recur(rows, told, state)
        inner = heads.begin(state.hidden[-1])
        for field in FIELDS:
            looks = [desk.writer.looks(field) for desk in desks]
            if field == "part":
                logits = heads.part_logits(inner, looks, [desk.part_out for desk in desks])
            else:
                logits = heads.logits(field, inner, looks)
            chosen = [desk.take(field, row) for desk, row in zip(desks, logits, strict=True)]
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


class _Desk:
    """One song of a batch: its plan, its writer and its generator."""

    def __init__(
        self,
        plan: Plan,
        how: SamplingParameters,
        spaces: Mapping[str, Space],
        told: NDArray[np.float32],
        inclined: Inclined,
        part_out: PartOut,
    ) -> None:
        """``told`` (bars, G) is added to the gates bar by bar, and what is ``inclined`` after each part's notes."""
        self.plan = plan
        self._form_levels: list[int] = level_of(np.array(plan.form)).tolist()
        self._hows = [how.times(ratio) for ratio in RETURNING]
        self._returned = Returned(plan.band, plan.part_forms, plan.returns)
        self._leaning = Leaning(plan.tendencies, plan.pace)
        self._amounts = Amounts(plan.band, plan.levels, plan.meter.bar_ticks)
        self._spaces = spaces
        self.writer = SongWriter(
            plan.band, plan.meter, plan.bars, plan.hidden, plan.primer, plan.levels, plan.habits, plan.far
        )
        self._generator = np.random.Generator(np.random.PCG64(plan.seed))
        self.part_out = part_out
        self._told, self._inclined = told[:, None], inclined
        self._told_sums: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._place = {part: place for place, part in enumerate(plan.band)}
        first = len(plan.band) + len(LAGS)  # the part's logits end with a bonus for each level
        self._levels = [{p: first + n for p, n in zip(plan.band, row, strict=True)} for row in plan.levels.tolist()]

    @property
    def told_now(self) -> NDArray[np.float32]:
        """(1, G): what is told in the bar of the event before, after a note of its part."""
        bar, slot = self.writer.bar, self._place.get(self.writer.part_before, -1) + 1
        known = self._told_sums.get((bar, slot))
        if known is None:
            known = self._told_sums[bar, slot] = self._told[bar] + self._inclined.before[slot]
        return known

    @property
    def inclination(self) -> NDArray[np.float32]:
        """(3 W,): what the part just chosen tends to, for the heads that follow."""
        row: NDArray[np.float32] = self._inclined.inner[self._place[self.writer.part] + 1]
        return row

    def take(self, field: str, logits: list[float]) -> int:
        """Choose the class of ``field`` and tell it: the primer's while there is one, else a drawn one.

        ``logits`` as in ``Heads.logits``; what the looks add is added here.
        """
        writer = self.writer
        chosen = writer.forced(field)
        if chosen is None:
            allowed = writer.allowed(field)
            own = (self._part_logits if field == "part" else self._field_logits)(field, logits, allowed)
            bar = writer.bar_after
            level = self._form_levels[bar] if writer.part < 0 else self._returned.level(bar, writer.part)
            self._leaning.lean(field, allowed, own, writer.part, writer.tick, level)
            self._lean_back(field, allowed, own, bar)
            how = self._hows[level]
            chosen = choose(own, allowed, how, self.plan.sampling, self._generator, self._spaces[field])
        writer.choose(chosen)
        played = writer.note_played if field == FIELDS[-1] else None
        if played:
            self._leaning.heard(*played)
            self._amounts.heard(played[1])
        return chosen

    def _lean_back(self, field: str, allowed: Classes, logits: list[float], bar: int) -> None:
        """Add to what the parts' sources held."""
        writer, returned = self.writer, self._returned
        if field == "part":
            self._amounts.lean(allowed, logits, writer.tick, bar)
            returned.lean_part(allowed, logits, writer.looked, bar)
        elif field != "advance":
            returned.lean_note(allowed, logits, writer.looked, bar, writer.part)

    def _field_logits(self, field: str, logits: list[float], allowed: Classes) -> list[float]:
        """The logits of the classes ``allowed``, each lag's bonus added to the class it held."""
        classes = VOCABULARY[field]
        for look, bonus in zip(self.writer.looked, logits[classes:], strict=True):
            if look != classes:
                logits[look] += bonus
        if field == "advance":
            self.writer.rules.fold_end(logits, self.writer.standing)
        return [logits[each] for each in allowed]

    def _part_logits(self, _field: str, logits: list[float], allowed: Classes) -> list[float]:
        """The same for the part, its level's bonus added."""
        place, level = self._place, self._levels[self.writer.bar_after]
        for lag, look in enumerate(self.writer.looked, -len(LAGS) - LEVEL_CLASSES):
            if look in place:
                logits[place[look]] += logits[lag]
        return [logits[place[part]] + logits[level[part]] for part in allowed]
