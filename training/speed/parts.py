"""Time of composing by groups of functions.

Public functions are wrapped by name and restored afterwards; nothing else in the process may compose in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import composer.decoding.generate
from composer.model.engine import Engine
from composer.model.heads import Heads

GROUPS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "recurrent": (Engine, ("step",)),
    "heads": (
        Heads,
        (
            "project_hidden",
            "add_position",
            "add_choice",
            "add_part_context",
            "lookback_sum",
            "logits",
            "logits_by_song",
        ),
    ),
    "choosing": (composer.decoding.generate, ("step_inputs_of", "gates_of", "lookback_of", "sample_field")),
}
"""Part → owner and names of its functions. Nested calls count once, for the outer function."""


class Stopwatch:
    """Sums seconds by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running = False

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, its time counted for ``part`` unless it is within another one's."""
        self.seconds.setdefault(part, 0.0)

        def timed(*arguments: Any, **named: Any) -> Any:
            if self._running:
                return function(*arguments, **named)
            self._running, since = True, time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds[part] += time.perf_counter() - since
                self._running = False

        return timed


@contextmanager
def timed_parts(stopwatch: Stopwatch) -> Iterator[None]:
    """The functions of ``GROUPS`` under ``stopwatch``; those that are not there any more are left out."""
    before = [
        (owner, name, vars(owner)[name]) for owner, names in GROUPS.values() for name in names if name in vars(owner)
    ]
    parts = {(owner, name): part for part, (owner, names) in GROUPS.items() for name in names}
    for owner, name, function in before:
        setattr(owner, name, stopwatch.timed(parts[owner, name], function))
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)
