"""A trained network as a checkpoint: weights, names, validation figures, licences and the templates of its data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.checkpoint import Checkpoint, header_for
from composer.model.checkpoint_tables import TEMPLATE_COLUMNS
from composer.model.network import Network
from composer.planning.conditioning import density_class
from composer.planning.piece_tables import piece_tables
from midi_data.analysis.activity import Activity
from midi_data.analysis.attribute_histograms import AttributeHistograms
from midi_data.events.encoding import PART_LIMIT, Ints
from training.data.examples import Names
from training.data.pieces import CorpusPieces

PerPiece = tuple[Activity, ...]
PerPart = tuple[AttributeHistograms, ...]
TemplateTables = tuple[PerPiece, PerPiece, PerPiece, PerPiece, Ints, PerPart, AttributeHistograms]
Tables = tuple[NDArray[np.int64], *TemplateTables]
"""The template rows, and what ``template_tables`` returns."""
TEMPLATE_LIMIT = 5_000
"""Training pieces that a checkpoint keeps as templates."""


def checkpoint_of(
    network: Network,
    names: Names,
    train: CorpusPieces,
    *,
    name: str,
    valid: dict[str, dict[str, float]],
    trained_notes: int,
    recipe: dict[str, Any],
    curve: Sequence[tuple[int, float, float]] = (),
    tables: Tables | None = None,
) -> Checkpoint:
    """``network`` and facts of its training pieces as a checkpoint. ``tables``: those of ``train``, if known."""
    weights = {key: tensor.detach().float().cpu().numpy() for key, tensor in network.state_dict().items()}
    header = header_for(
        network.config,
        name=name,
        genres=names.genres,
        styles=names.styles,
        valid=valid,
        trained_notes=trained_notes,
        recipe=recipe,
        curve=tuple(curve),
        data=_amounts(train),
        licences=_licences(train),
    )
    return Checkpoint(header, weights, *(tables or tables_of(train, names)))


def tables_of(train: CorpusPieces, names: Names) -> Tables:
    """The template tables of up to ``TEMPLATE_LIMIT`` pieces of all genres; some milliseconds a piece."""
    chosen = of_every_genre(train, TEMPLATE_LIMIT)
    return templates(chosen, names), *template_tables(chosen)


def of_every_genre(pieces: CorpusPieces, most: int) -> CorpusPieces:
    """At most ``most`` pieces in order: all of small genres, equally many of larger ones, evenly spaced."""
    if len(pieces) <= most:
        return pieces
    by_genre: dict[str, list[int]] = defaultdict(list)
    for index, (_, piece) in enumerate(pieces):
        by_genre[piece.genre].append(index)
    chosen: list[int] = []
    for left, of_genre in zip(range(len(by_genre), 0, -1), sorted(by_genre.values(), key=len), strict=True):
        count = min(len(of_genre), max(1, (most - len(chosen)) // left))
        chosen += [of_genre[len(of_genre) * index // count] for index in range(count)]
    return [pieces[index] for index in sorted(chosen)]


def templates(train: CorpusPieces, names: Names) -> NDArray[np.int64]:
    """(P, 8 + 16): one row a training piece, as ``composer.model.checkpoint_tables.TEMPLATE_COLUMNS`` and its band."""
    rows = np.full((len(train), len(TEMPLATE_COLUMNS) + PART_LIMIT), -1, dtype=np.int64)
    for row, (shard, piece) in zip(rows, train, strict=True):
        events = shard.events(piece)
        band = events.band
        _, numerator, denominator = piece.meters[0]
        bars = max(1, round(piece.end / (numerator * 96 / denominator)))
        row[: len(TEMPLATE_COLUMNS)] = (
            names.genre_row(piece), names.style_row(piece), round(piece.tempos[0][1]), numerator, denominator,
            piece.key, density_class(len(events), piece.end), min(bars, 30000),
        )  # fmt: skip
        row[len(TEMPLATE_COLUMNS) : len(TEMPLATE_COLUMNS) + len(band)] = band
    return rows


def template_tables(train: CorpusPieces) -> TemplateTables:
    """The tables of ``Checkpoint`` beside the template rows, one entry a training piece."""
    tables = [piece_tables(shard.events(piece)) for shard, piece in train]
    repetitions, source_lags, part_repetition, activities, masks, attribute_histograms, time_shift_histograms = zip(
        *tables, strict=True
    )
    return (
        repetitions,
        source_lags,
        part_repetition,
        activities,
        np.stack(masks),
        attribute_histograms,
        np.stack(time_shift_histograms),
    )


def _amounts(train: CorpusPieces) -> dict[str, dict[str, float]]:
    totals: dict[str, dict[str, float]] = defaultdict(lambda: {"pieces": 0, "hours": 0.0, "notes": 0})
    for _, piece in train:
        totals[piece.genre]["pieces"] += 1
        totals[piece.genre]["notes"] += piece.count
        totals[piece.genre]["hours"] += piece.seconds / 3600
    return {genre: {k: round(v, 2) for k, v in total.items()} for genre, total in totals.items()}


def _licences(train: CorpusPieces) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for _, piece in train:
        counts[piece.genre][f"{piece.style}: {piece.licence}"] += 1
    return {genre: dict(count) for genre, count in counts.items()}
