"""JSON that a network sent, read without trusting its shape."""

from __future__ import annotations

from typing import Any


def objects(value: object) -> list[dict[str, Any]]:
    """The JSON objects in a list; an empty list for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: object) -> dict[str, Any]:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
