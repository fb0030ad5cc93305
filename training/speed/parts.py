"""Stop watches around the parts of composing: which function group a song's time goes to.

Put around public functions by name and taken off again; nothing else in the process may compose meanwhile.
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
"""Part → where its functions are, and which. A function inside another one's time counts once, for the outer."""


class Stopwatch:
    """Adds up seconds by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running = False

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
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
def watched(watch: Stopwatch) -> Iterator[None]:
    """The functions of ``GROUPS`` under ``watch``; those that are not there any more are left out."""
    before = [
        (owner, name, vars(owner)[name]) for owner, names in GROUPS.values() for name in names if name in vars(owner)
    ]
    parts = {(owner, name): part for part, (owner, names) in GROUPS.items() for name in names}
    for owner, name, function in before:
        setattr(owner, name, watch.around(parts[owner, name], function))
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)
