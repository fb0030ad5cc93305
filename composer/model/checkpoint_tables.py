"""Tables of training pieces in a checkpoint: band, repetition, activity, masks and histograms of each piece.

Tables of one row a bar or a part are stored as one array over all pieces, and split when they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import CheckpointError
from midi_data.analysis.activity import ACTIVITY_CLASSES, MASKS_WIDTH, Activity
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH, TIME_SHIFT_BINS, AttributeHistograms
from midi_data.analysis.repetition import REPETITION_CLASSES
from midi_data.events.encoding import PART_LIMIT, VOCABULARY, Ints
from midi_data.song import DENOMINATORS, LONGEST_METER

if TYPE_CHECKING:
    from composer.model.checkpoint import Checkpoint

TEMPLATE_COLUMNS = ("genre", "style", "tempo_bpm", "numerator", "denominator", "key", "density", "bars")
"""Facts of one training piece, followed by its band: ``PART_LIMIT`` part classes, −1 for none."""

TEMPLATES, MASKS = "lineups", "habits"
REPETITIONS, SOURCE_LAGS, PART_REPETITION, ACTIVITIES = "forms", "fars", "part_forms", "arrangements"
REPETITION_ENDS = "form_ends"
"""Cumulative number of bars after each piece."""
ATTRIBUTE_HISTOGRAMS, TIME_SHIFT_HISTOGRAMS = "tendencies", "paces"
TABLES = (
    TEMPLATES, REPETITIONS, SOURCE_LAGS, REPETITION_ENDS, PART_REPETITION, ACTIVITIES, MASKS,
    ATTRIBUTE_HISTOGRAMS, TIME_SHIFT_HISTOGRAMS,
)  # fmt: skip
"""Names in a file of format 2."""

PerPiece = tuple[Activity, ...]
Tables = tuple[
    NDArray[np.int64],
    PerPiece,
    PerPiece,
    PerPiece,
    PerPiece,
    NDArray[np.int64],
    tuple[AttributeHistograms, ...],
    AttributeHistograms,
]
"""The table fields of ``Checkpoint``, in their order."""


def unpack_tables(path: Path, tensors: dict[str, NDArray[Any]]) -> Tables:
    """Take the tables out of ``tensors`` and split them by piece. Raises ``CheckpointError`` for a wrong shape."""
    found = _taken(path, tensors)
    templates = found[TEMPLATES].astype(np.int64)
    _check_shape(path, TEMPLATES, templates, (len(templates), len(TEMPLATE_COLUMNS) + PART_LIMIT))
    _check_templates(path, templates)
    parts = part_counts(templates)
    bars = _bar_counts(path, found[REPETITION_ENDS], len(templates))
    cells = [bar * part for bar, part in zip(bars, parts, strict=True)]
    _check_shape(path, MASKS, found[MASKS], (len(templates), MASKS_WIDTH))
    _check_shape(path, ATTRIBUTE_HISTOGRAMS, found[ATTRIBUTE_HISTOGRAMS], (sum(parts), HISTOGRAMS_WIDTH))
    _check_shape(path, TIME_SHIFT_HISTOGRAMS, found[TIME_SHIFT_HISTOGRAMS], (len(templates), TIME_SHIFT_BINS))
    by_cell = [
        _split(path, PART_REPETITION, found[PART_REPETITION], cells, (0, REPETITION_CLASSES)),
        _split(path, ACTIVITIES, found[ACTIVITIES], cells, (0, ACTIVITY_CLASSES)),
    ]
    part_repetition, activities = (
        tuple(table.reshape(-1, count) for table, count in zip(tables, parts, strict=True)) for tables in by_cell
    )
    return (
        templates,
        _split(path, REPETITIONS, found[REPETITIONS], bars, (0, REPETITION_CLASSES)),
        _split(path, SOURCE_LAGS, found[SOURCE_LAGS], bars, (1, 256)),
        part_repetition,
        activities,
        found[MASKS].astype(np.int64),
        _split_rows(found[ATTRIBUTE_HISTOGRAMS], parts),
        found[TIME_SHIFT_HISTOGRAMS],
    )


def _taken(path: Path, tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Take the tables out of ``tensors``. Raises ``CheckpointError`` unless all are there and hold integers."""
    missing = [name for name in TABLES if name not in tensors]
    if missing:
        raise CheckpointError(f"{path}: damaged checkpoint, it has no {missing[0]}")
    found = {name: tensors.pop(name) for name in TABLES}
    for name, table in found.items():
        if not np.issubdtype(table.dtype, np.integer) or table.ndim == 0:
            raise CheckpointError(f"{path}: damaged checkpoint, {name} must be a table of integers, is {table.dtype}")
    return found


def _check_templates(path: Path, templates: Ints) -> None:
    """Raise ``CheckpointError`` unless every fact and every part class is one that a song can have."""
    facts = dict(zip(TEMPLATE_COLUMNS, templates.T, strict=False))
    bounds = {
        **dict.fromkeys(("genre", "style", "density", "bars"), (0, 2**16)),
        "tempo_bpm": (1, 2001),
        "numerator": (1, LONGEST_METER + 1),
        "key": (0, 25),
    }
    wrong = [name for name, (low, high) in bounds.items() if ((facts[name] < low) | (facts[name] >= high)).any()]
    wrong += ["denominator"] * (not np.isin(facts["denominator"], DENOMINATORS).all())
    parts = templates[:, len(TEMPLATE_COLUMNS) :]
    wrong += ["band"] * bool(((parts < -1) | (parts >= VOCABULARY["part"])).any())
    if wrong:
        raise CheckpointError(f"{path}: damaged checkpoint, {TEMPLATES} has an impossible {wrong[0]}")


def pack_tables(checkpoint: Checkpoint) -> dict[str, NDArray[Any]]:
    """The tables of ``checkpoint`` as they are stored."""
    per_piece = {
        REPETITIONS: checkpoint.repetitions,
        SOURCE_LAGS: checkpoint.source_lags,
        PART_REPETITION: checkpoint.part_repetition,
        ACTIVITIES: checkpoint.activities,
    }
    none = np.zeros((0, HISTOGRAMS_WIDTH), dtype=np.uint8)
    return {
        **{name: _joined(tables) for name, tables in per_piece.items()},
        TEMPLATES: checkpoint.templates.astype(np.int16),
        REPETITION_ENDS: np.cumsum([len(each) for each in checkpoint.repetitions]).astype(np.int32),
        MASKS: checkpoint.masks.astype(np.int32),
        ATTRIBUTE_HISTOGRAMS: np.concatenate([*checkpoint.attribute_histograms, none]),
        TIME_SHIFT_HISTOGRAMS: checkpoint.time_shift_histograms.astype(np.uint8),
    }


def part_counts(templates: Ints) -> list[int]:
    """Parts of each piece's band."""
    counts: list[int] = (templates[:, len(TEMPLATE_COLUMNS) :] >= 0).sum(axis=1).tolist()
    return counts


def _bar_counts(path: Path, ends: NDArray[Any], pieces: int) -> list[int]:
    """Bars of each piece, from their cumulative sums."""
    _check_shape(path, REPETITION_ENDS, ends, (pieces,))
    bars: list[int] = np.diff(ends.astype(np.int64), prepend=0).tolist()
    if any(count < 0 for count in bars):
        raise CheckpointError(f"{path}: damaged checkpoint, {REPETITION_ENDS} must not fall")
    return bars


def _split(
    path: Path, name: str, values: NDArray[Any], sizes: Sequence[int], bounds: tuple[int, int]
) -> tuple[Activity, ...]:
    """``values`` (sum of ``sizes``,) cut by ``sizes``; each value lies within [low, high)."""
    low, high = bounds
    _check_shape(path, name, values, (sum(sizes),))
    if ((values < low) | (values >= high)).any():
        raise CheckpointError(f"{path}: damaged checkpoint, {name} must lie within {low}–{high - 1}")
    return _split_rows(values, sizes)


def _split_rows(rows: NDArray[Any], sizes: Sequence[int]) -> tuple[NDArray[np.uint8], ...]:
    return tuple(np.split(rows.astype(np.uint8), np.cumsum(sizes)[:-1])) if len(sizes) else ()


def _joined(tables: Sequence[Activity]) -> NDArray[np.uint8]:
    return np.concatenate([*(table.ravel() for table in tables), np.zeros(0)]).astype(np.uint8)


def _check_shape(path: Path, name: str, tensor: NDArray[Any], shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise CheckpointError(f"{path}: damaged checkpoint, {name} must have shape {shape}, has {tensor.shape}")
