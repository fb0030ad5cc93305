"""A measured figure: its median, its spread, and what it should be. Knows numbers, not what was measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds that one run of some work took: by the clock, and of all processors together."""

    clock: float
    cpu: float

    def shared(self, among: float) -> Run:
        """What each of ``among`` took."""
        return Run(self.clock / max(among, 1e-9), self.cpu / max(among, 1e-9))


Runs = list[Run]
"""Every run of the same work."""

TARGETS: dict[str, tuple[str, float]] = {
    "note_against_eager": (">=", 20.0),
    "note_against_reading": ("<=", 3.0),
    "song": (">=", 80.0),
    "batch_16_against_1": (">=", 4.0),
    "mix": (">=", 80.0),
    "mp3": (">=", 40.0),
    "video": (">=", 15.0),
    "warm_request": ("<=", 5.0),
    "cold": ("<=", 2.0),
    "render_peak": ("<=", 400.0),
    "note_against_transformer": (">=", 10.0),
    "note_against_best_eager": (">=", 10.0),
}
"""What a figure should be, by its name."""


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` is the median of ``runs`` runs, ``low`` and ``high`` the extremes; ``None`` where nothing was measured.

    ``cpu`` is the same figure by processor time instead of the clock's: what one core would do if nobody else wanted
    it, for work that uses one. ``note`` says how it was measured, or why it was not.
    """

    name: str
    label: str
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    cpu: float | None = None
    runs: int = 0
    note: str = ""

    @property
    def target(self) -> tuple[str, float] | None:
        """What the figure should be: ``>=`` or ``<=``, and the value."""
        return TARGETS.get(self.name)

    @property
    def met(self) -> bool | None:
        """Whether it is what it should be; ``None`` without a target or a value."""
        if self.target is None or self.value is None:
            return None
        sign, wanted = self.target
        return self.value >= wanted if sign == ">=" else self.value <= wanted

    def told(self) -> dict[str, Any]:
        """JSON-ready."""
        target = f"{self.target[0]} {self.target[1]:g}" if self.target else None
        facts = {name: getattr(self, name) for name in ("label", "unit", "value", "low", "high", "cpu", "runs")}
        return facts | {"target": target, "met": self.met, "note": self.note}


def times(work: Callable[[], object], runs: int, *, warm_up: int = 1) -> Runs:
    """Every one of ``runs`` calls, after ``warm_up`` calls that do not count."""
    for _ in range(warm_up):
        work()
    taken = []
    for _ in range(runs):
        since, spent = time.perf_counter(), _processor_seconds()
        work()
        taken.append(Run(time.perf_counter() - since, _processor_seconds() - spent))
    return taken


def _processor_seconds() -> float:
    """Of this process, and of those that it started and that have ended."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def cost(name: str, label: str, unit: str, runs: Runs, scale: float = 1.0, note: str = "") -> Figure:
    """A figure that is ``scale`` times the seconds (of each run)."""
    return _figure(Figure(name, label, unit, note=note), runs, lambda seconds: scale * seconds)


def rate(name: str, label: str, unit: str, amount: float, runs: Runs, note: str = "") -> Figure:
    """A figure that is ``amount`` done in the seconds (of each run)."""
    return _figure(Figure(name, label, unit, note=note), runs, lambda seconds: amount / max(seconds, 1e-9))


def spread(name: str, label: str, unit: str, values: list[float], note: str = "") -> Figure:
    """A figure of other values than seconds."""
    return Figure(name, label, unit, median(values), min(values), max(values), runs=len(values), note=note)


def ratio(name: str, label: str, above: Figure, below: Figure, note: str = "") -> Figure:
    """How many times ``below`` goes into ``above``, by their medians."""
    missing = [each for each in (above, below) if each.value is None]
    if missing or not below.value or above.value is None:
        return Figure(name, label, "x", note=missing[0].note if missing else note)
    cpu = above.cpu / below.cpu if above.cpu and below.cpu else None
    return Figure(name, label, "x", above.value / below.value, cpu=cpu, runs=min(above.runs, below.runs), note=note)


def not_measured(name: str, label: str, unit: str, reason: str) -> Figure:
    """A figure that could not be taken here, and why."""
    return Figure(name, label, unit, note=f"not measured: {reason}")


def _figure(empty: Figure, runs: Runs, value_of: Callable[[float], float]) -> Figure:
    values, by_cpu = [value_of(run.clock) for run in runs], [value_of(run.cpu) for run in runs]
    return replace(empty, value=median(values), low=min(values), high=max(values), cpu=median(by_cpu), runs=len(runs))


def by_name(figures: list[Figure]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, JSON) of each figure."""
    return ((figure.name, figure.told()) for figure in figures)
