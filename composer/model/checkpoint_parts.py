"""The parts of a checkpoint beside the note network: planner, instrumentation model, style model, pooled statistics.

A part's arrays are stored under its name and a dot. Every part may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import CheckpointError
from composer.model.planner_config import (
    CELLS,
    CHORD_WIDTH,
    COPIES,
    FEWEST_PIECES,
    KNOWN_CHORDS,
    expected_band_shapes,
    expected_planner_shapes,
    expected_pooled_shapes,
)
from composer.model.style.config import expected_style_shapes
from composer.model.tensor_file import check_shapes, finite_weight
from midi_data.events.progressions import PROGRESSION_SLOTS
from midi_data.song import DENOMINATORS, LONGEST_METER

Arrays = dict[str, NDArray[Any]]
Shapes = Callable[[int, int, Arrays], dict[str, tuple[int, ...]]]

PARTS: dict[str, Shapes] = {
    "planner": lambda genres, _, __: expected_planner_shapes(1 + genres),
    "instrumentation": lambda genres, styles, _: expected_band_shapes(genres, styles),
    "style": lambda genres, _, __: expected_style_shapes(1 + genres),
    "pooled": lambda genres, styles, found: expected_pooled_shapes(genres, styles, len(found.get("meters", ()))),
}
"""Shapes of each part's arrays, by rows of genres and styles and by the arrays found."""
INTEGERS = ("pieces", "part_pieces", "meters")
"""Arrays that hold integers; all others are stored in half precision."""


def unpack_parts(path: Path, tensors: dict[str, NDArray[Any]], genres: int, styles: int) -> dict[str, Arrays]:
    """Take the arrays of all parts out of ``tensors``. Raises ``CheckpointError`` for a damaged one."""
    parts = {name: _unpack(path, tensors, f"{name}.") for name in PARTS}
    _divide_cells(parts["pooled"], genres)
    _add_progressions(parts["planner"])
    for name, found in parts.items():
        if found:
            check_shapes(path, PARTS[name](genres, styles, found), found)
    if parts["pooled"]:
        _check_pooled(path, parts["pooled"])
    return parts


def pack_parts(parts: Mapping[str, Arrays]) -> Arrays:
    """The arrays of all parts as they are stored."""
    return {
        f"{part}.{name}": array.astype(np.int32 if name in INTEGERS else np.float16)
        for part, arrays in parts.items()
        for name, array in arrays.items()
    }


def _unpack(path: Path, tensors: dict[str, NDArray[Any]], prefix: str) -> Arrays:
    names = [name for name in tensors if name.startswith(prefix)]
    found: Arrays = {}
    for name in names:
        tensor, own = tensors.pop(name), name.removeprefix(prefix)
        if own in INTEGERS and not np.issubdtype(tensor.dtype, np.integer):
            raise CheckpointError(f"{path}: damaged checkpoint, {name} must be integers, is {tensor.dtype}")
        found[own] = tensor.astype(np.int64) if own in INTEGERS else finite_weight(path, name, tensor)
    return found


def _divide_cells(pooled: Arrays, genres: int) -> None:
    """Repeat the rows of files that do not tell whether a source has the same chords: two cells share one row."""
    for name in ("part_pieces", "part_repetition"):
        if name in pooled and len(pooled[name]) == (1 + genres) * CELLS // 2:
            pooled[name] = np.repeat(pooled[name], 2, axis=0)


def _add_progressions(planner: Arrays) -> None:
    """Add weights of 0 to planners of files that know no progressions."""
    more = len(PROGRESSION_SLOTS)
    for slot, known in KNOWN_CHORDS.items():
        _widen(planner, f"{slot}_source.weight", 1, known * CHORD_WIDTH, more * CHORD_WIDTH)
        _widen(planner, f"{slot}_copy.weight", 0, COPIES, more)
        _widen(planner, f"{slot}_copy.bias", 0, COPIES, more)


def _widen(arrays: Arrays, name: str, axis: int, size: int, more: int) -> None:
    """Bring an array that is ``more`` too short along ``axis`` to ``size`` with zeros; others stay as they are."""
    old = arrays.get(name)
    if old is not None and old.ndim > axis and old.shape[axis] == size - more:
        arrays[name] = np.pad(old, [(0, more * (each == axis)) for each in range(old.ndim)])


def _check_pooled(path: Path, pooled: Arrays) -> None:
    """Raise ``CheckpointError`` for impossible meters or shares and for rows of too few pieces."""
    meters = pooled["meters"]
    possible = np.isin(meters[:, 1], DENOMINATORS) & (meters[:, 0] >= 1) & (meters[:, 0] <= LONGEST_METER)
    if not len(meters) or not possible.all():
        raise CheckpointError(f"{path}: damaged checkpoint, pooled.meters has an impossible meter")
    for name in ("pieces", "part_pieces"):
        counts = pooled[name]
        if ((counts != 0) & (counts < FEWEST_PIECES)).any():
            raise CheckpointError(f"{path}: rows of pooled.{name} must belong to at least {FEWEST_PIECES} pieces")
    for name in ("tempo", "meter", "key", "part_repetition"):
        if (pooled[name] < 0).any():
            raise CheckpointError(f"{path}: damaged checkpoint, pooled.{name} must not be negative")
