"""A measured figure: median, range and target."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of one run: wall clock and processor time."""

    clock: float
    cpu: float

    def shared(self, among: float) -> Run:
        """Seconds of each of ``among`` equal parts."""
        return Run(self.clock / max(among, 1e-9), self.cpu / max(among, 1e-9))


Runs = list[Run]
"""Runs of the same work."""

TARGETS: dict[str, tuple[str, float]] = {
    "warm_request": ("<=", 5.0),
    "cold": ("<=", 2.0),
    "cold_peak": ("<=", 200.0),
    "render_peak": ("<=", 400.0),
    "note_against_eager": (">=", 10.0),
    "note_against_transformer": (">=", 10.0),
}
"""Target of a figure, by its name."""


@dataclass(frozen=True, slots=True)
class Figure:
    """``value``: median of ``runs`` runs; ``low``, ``high``: extremes; None if not measured.

    ``cpu``: the same figure by processor time, i.e. that of an idle core, for work that uses one. ``note``: how it was
    measured, or why not.
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
        """``>=`` or ``<=``, and the target value; None without a target."""
        return TARGETS.get(self.name)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a value."""
        if self.target is None or self.value is None:
            return None
        sign, wanted = self.target
        return self.value >= wanted if sign == ">=" else self.value <= wanted

    def to_json(self) -> dict[str, Any]:
        """The figure, JSON-ready."""
        target = f"{self.target[0]} {self.target[1]:g}" if self.target else None
        facts = {name: getattr(self, name) for name in ("label", "unit", "value", "low", "high", "cpu", "runs")}
        return facts | {"target": target, "met": self.met, "note": self.note}


def times(work: Callable[[], object], runs: int, *, warm_up: int = 1) -> Runs:
    """Time ``runs`` calls of ``work``, after ``warm_up`` calls."""
    for _ in range(warm_up):
        work()
    taken = []
    for _ in range(runs):
        since, spent = time.perf_counter(), _processor_seconds()
        work()
        taken.append(Run(time.perf_counter() - since, _processor_seconds() - spent))
    return taken


def _processor_seconds() -> float:
    """Processor seconds of this process and of its children that have ended."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def cost(name: str, label: str, unit: str, runs: Runs, scale: float = 1.0, note: str = "") -> Figure:
    """A figure that is ``scale`` times the seconds (of each run)."""
    return _figure(Figure(name, label, unit, note=note), runs, lambda seconds: scale * seconds)


def rate(name: str, label: str, unit: str, amount: float, runs: Runs, note: str = "") -> Figure:
    """A figure that is ``amount`` done in the seconds (of each run)."""
    return _figure(Figure(name, label, unit, note=note), runs, lambda seconds: amount / max(seconds, 1e-9))


def spread(name: str, label: str, unit: str, values: list[float], note: str = "") -> Figure:
    """A figure of values that are not seconds."""
    return Figure(name, label, unit, median(values), min(values), max(values), runs=len(values), note=note)


def ratio(name: str, label: str, above: Figure, below: Figure, note: str = "") -> Figure:
    """Ratio of the medians of ``above`` and ``below``."""
    missing = [each for each in (above, below) if each.value is None]
    if missing or not below.value or above.value is None:
        return Figure(name, label, "x", note=missing[0].note if missing else note)
    cpu = above.cpu / below.cpu if above.cpu and below.cpu else None
    return Figure(name, label, "x", above.value / below.value, cpu=cpu, runs=min(above.runs, below.runs), note=note)


def not_measured(name: str, label: str, unit: str, reason: str) -> Figure:
    """A figure without a value, and the reason."""
    return Figure(name, label, unit, note=f"not measured: {reason}")


def _figure(empty: Figure, runs: Runs, value_of: Callable[[float], float]) -> Figure:
    values, by_cpu = [value_of(run.clock) for run in runs], [value_of(run.cpu) for run in runs]
    return replace(empty, value=median(values), low=min(values), high=max(values), cpu=median(by_cpu), runs=len(runs))


def by_name(figures: list[Figure]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, JSON) of each figure."""
    return ((figure.name, figure.to_json()) for figure in figures)
