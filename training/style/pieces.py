"""What the style model learns from: histograms and ranges of pieces and of excerpts of them, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from composer.model.style.features import part_classes, range_columns, shares_allowed, stated_of, without_pitched_tones
from midi_data.analysis.activity import masks_of
from midi_data.analysis.attribute_histograms import (
    FULL,
    AttributeHistograms,
    attribute_histograms_of,
    time_shift_histogram_of,
)
from midi_data.analysis.excerpts import excerpt, sounding_bars
from midi_data.corpus.dataset import Piece, Shard
from midi_data.events.encoding import EventSequence, Ints

EXCERPTS = 8
"""Excerpts of a training piece beside the piece itself."""
SHORTEST_SHARE = 0.4
"""Smallest share of a piece's bars in an excerpt."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A piece or an excerpt of it.

    ``shares`` (P, 255) and ``time_shift`` (21,) times ``FULL``; ``notes`` (P,); ``stated`` (P, 5) and ``grid`` (24,):
    ``composer.model.style.features.stated_of``.
    """

    band: tuple[int, ...]
    shares: AttributeHistograms
    time_shift: AttributeHistograms
    notes: Ints
    stated: Ints
    grid: Ints


@dataclass(frozen=True, slots=True, eq=False)
class StylePiece:
    """One piece: ``genre`` is its row of the checkpoint; ``views[0]`` is the piece, the others are excerpts."""

    name: str
    genre: int
    views: tuple[View, ...]


def view_of(events: EventSequence) -> View:
    """The histograms and ranges of ``events``."""
    band = events.band
    stated, grid = stated_of(masks_of(events), len(band))
    notes = np.bincount(np.searchsorted(np.array(band), events.part), minlength=len(band))
    return View(band, attribute_histograms_of(events), time_shift_histogram_of(events), notes, stated, grid)


def piece_of(shard: Shard, piece: Piece, genre: int, excerpts: int, rng: np.random.Generator) -> StylePiece:
    """``piece`` with ``excerpts`` random runs of at least ``SHORTEST_SHARE`` of its sounding bars."""
    events = shard.events(piece)
    first, stop = sounding_bars(events)
    views = [view_of(events)]
    for _ in range(excerpts):
        bars = int(rng.integers(max(1, int(np.ceil(SHORTEST_SHARE * (stop - first)))), stop - first + 1))
        part = excerpt(events, first + int(rng.integers(0, stop - first - bars + 1)), bars)
        if len(part):
            views.append(view_of(part))
    return StylePiece(piece.name, genre, tuple(views))


def pieces_of(
    found: Iterable[tuple[Shard, Piece]], genres: Sequence[str], excerpts: int, seed: int = 1
) -> list[StylePiece]:
    """Every piece of ``found``; ``genres`` are the rows of the checkpoint."""
    rng = np.random.default_rng(seed)
    return [piece_of(shard, piece, genres.index(piece.genre), excerpts, rng) for shard, piece in found]


@dataclass(frozen=True, slots=True)
class Batch:
    """B views with N parts in all.

    ``genre`` (B,) rows of the style model's table, 0 unknown. ``piece`` (N,) the view of each part. ``parts`` (N, 3)
    classes of family, program and occurrence. ``shares`` (N, 255), ``notes`` (N,), ``ranges`` (N, 5) scaled,
    ``allowed`` (N, 255): ``features.shares_allowed``. ``time_shift`` (B, 21), ``grid`` (B, 24). ``knows_ranges`` (B,):
    whether ranges and grid are inputs of the encoder.
    """

    genre: Tensor
    piece: Tensor
    parts: Tensor
    shares: Tensor
    allowed: Tensor
    notes: Tensor
    ranges: Tensor
    time_shift: Tensor
    grid: Tensor
    knows_ranges: Tensor


def batch_of(
    views: Sequence[tuple[int, View]],
    *,
    keep_genre: Callable[[], bool] = lambda: True,
    knows_ranges: Callable[[], bool] = lambda: True,
) -> Batch:
    """Views with their genres' rows as tensors."""
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in Batch.__slots__}
    for number, (genre, view) in enumerate(views):
        parts = part_classes(view.band)  # (P, 3)
        rows = {
            "piece": np.full(len(parts), number),
            "parts": parts,
            "shares": without_pitched_tones(view.shares / FULL, view.band).astype(np.float32),
            "allowed": shares_allowed(parts[:, 0] == 0),
            "notes": view.notes.astype(np.float32),
            "ranges": range_columns(view.stated, view.band).astype(np.float32),
            "genre": np.array([1 + genre if keep_genre() else 0]),
            "time_shift": (view.time_shift[None] / FULL).astype(np.float32),
            "grid": view.grid[None].astype(np.float32),
            "knows_ranges": np.array([knows_ranges()], dtype=np.float32),
        }
        for name, values in rows.items():
            columns[name].append(values)
    return Batch(**{name: torch.from_numpy(np.concatenate(values)) for name, values in columns.items()})
