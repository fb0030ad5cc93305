"""The numbers that a person set between the network and the notes are few, in one file, and documented."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import composer.decoding
from composer.decoding import parameters

MOST = 24
DECODING = Path(composer.decoding.__file__).parent
NO_SETTINGS = {
    "FORBIDDEN",  # any number that makes a probability 0
    "EVENTS_BETWEEN_PLANS", "BATCH_SIZE",  # speed and latency: songs are the same in any batch
    "TABLE_BITS", "_STREAM",  # arithmetic and random numbers
    "_COLOURS", "_BARE_COLOURS",  # thirds and sevenths: music theory
}  # fmt: skip
SETTINGS = {name: value for name, value in vars(parameters).items() if name.isupper()}


def test_there_are_at_most_24_of_them() -> None:
    assert sum(len(value) if isinstance(value, tuple) else 1 for value in SETTINGS.values()) <= MOST


def test_each_is_described() -> None:
    page = (DECODING.parents[1] / "docs" / "model.md").read_text()
    assert [name for name in SETTINGS if f"| `{name}` |" not in page] == []


def numbers_of(path: Path) -> Iterator[str]:
    """Names of the module's constants that are numbers or rows of numbers."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values = [each for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
            if values and all(type(each.value) in (int, float) for each in values):
                yield node.targets[0].id


def test_the_other_files_of_decoding_set_none() -> None:
    others = {path.name: set(numbers_of(path)) - NO_SETTINGS for path in sorted(DECODING.glob("*.py"))}
    assert others.pop("parameters.py") == set(SETTINGS)
    assert {name: found for name, found in others.items() if found} == {}
