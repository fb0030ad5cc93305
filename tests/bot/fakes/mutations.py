"""Malformed JSON: a valid object with a few of its values replaced, removed, renamed or wrapped."""

from __future__ import annotations

import copy
import random
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**70, 1.5, 1e308, "", " ", "x", "\ud800", "\x00", "\u202e@riffbird", "9" * 25, "-5",
    "2026-13-45", "not a date", "a" * 100_000, [], [None], [[]], {}, {"id": None}, {"event_id": 7}, ["@riffbird"],
    "<p>" * 3000, "&#x110000;", "@" * 5000, {"a": {"b": {"c": [1, {"d": None}]}}},
)  # fmt: skip


def mutated(value: Any, generator: random.Random) -> Any:
    """A copy of the JSON ``value`` with one to four changes."""
    changed = copy.deepcopy(value)
    for _ in range(generator.randint(1, 4)):
        places = list(_places(changed))
        if not places:
            return generator.choice(VALUES)
        holder, key = generator.choice(places)
        _change(holder, key, generator)
    return changed


def _places(value: Any) -> Any:
    """Every (container, key) of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def _change(holder: Any, key: Any, generator: random.Random) -> None:
    kind = generator.random()
    if kind < 0.55:
        holder[key] = copy.deepcopy(generator.choice(VALUES))
    elif kind < 0.75:
        del holder[key]
    elif kind < 0.9:
        holder[key] = [holder[key]] if generator.random() < 0.5 else {"value": holder[key]}
    elif isinstance(holder, dict):
        holder[f"{key}_"] = holder.pop(key)
