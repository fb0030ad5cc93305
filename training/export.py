"""From a trained network to a checkpoint: weights, names, validation figures, licences and the lineups of its data."""

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
from midi_data.analysis.activity import Activity, activity_of, masks_of
from midi_data.analysis.attribute_histograms import (
    AttributeHistograms,
    attribute_histograms_of,
    time_shift_histogram_of,
)
from midi_data.analysis.repetition import part_repetition_of, repetition_of
from midi_data.bars import BarGrid
from midi_data.events.encoding import PART_LIMIT, Ints
from training.data.examples import Names
from training.data.pieces import CorpusPieces

PerPiece = tuple[Activity, ...]
Heard = tuple[PerPiece, PerPiece, PerPiece, PerPiece, Ints, tuple[AttributeHistograms, ...], AttributeHistograms]
Tables = tuple[NDArray[np.int64], *Heard]
"""Lineups, and what ``heard`` gives."""
MOST_HEARD = 5_000
"""Pieces whose bands and forms a checkpoint remembers; songs need no more to choose from."""


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
    """``network`` and what it was trained on as a checkpoint in memory. ``tables``: those of ``train``, if known."""
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
    """What a checkpoint remembers of its pieces, of each genre some. Takes some milliseconds a piece."""
    chosen = of_every_genre(train, MOST_HEARD)
    return templates(chosen, names), *heard(chosen)


def of_every_genre(held: CorpusPieces, most: int) -> CorpusPieces:
    """``most`` pieces at most, in their order: small genres whole, of larger ones equally many, evenly spread."""
    if len(held) <= most:
        return held
    places: dict[str, list[int]] = defaultdict(list)
    for place, (_, piece) in enumerate(held):
        places[piece.genre].append(place)
    chosen: list[int] = []
    for left, of_genre in zip(range(len(places), 0, -1), sorted(places.values(), key=len), strict=True):
        count = min(len(of_genre), max(1, (most - len(chosen)) // left))
        chosen += [of_genre[len(of_genre) * index // count] for index in range(count)]
    return [held[place] for place in sorted(chosen)]


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


def heard(train: CorpusPieces) -> Heard:
    """What ``Checkpoint`` remembers of each training piece beside its lineup, table by table."""
    repetitions, source_lags, part_repetition, activities, masks, attribute_histograms, time_shift_histograms = (
        [],
        [],
        [],
        [],
        [],
        [],
        [],
    )
    for shard, piece in train:
        events = shard.events(piece)
        grid = BarGrid.of(events.meters, events.end)
        repetition, source_lag = repetition_of(events, grid)
        repetitions.append(repetition.astype(np.uint8))
        source_lags.append(source_lag.astype(np.uint8))
        part_repetition.append(part_repetition_of(events, grid, repetition, source_lag).astype(np.uint8))
        activities.append(activity_of(events, grid))
        masks.append(masks_of(events))
        attribute_histograms.append(attribute_histograms_of(events))
        time_shift_histograms.append(time_shift_histogram_of(events))
    return (
        tuple(repetitions),
        tuple(source_lags),
        tuple(part_repetition),
        tuple(activities),
        np.stack(masks),
        tuple(attribute_histograms),
        np.stack(time_shift_histograms),
    )


def _amounts(train: CorpusPieces) -> dict[str, dict[str, float]]:
    amounts: dict[str, dict[str, float]] = defaultdict(lambda: {"pieces": 0, "hours": 0.0, "notes": 0})
    for _, piece in train:
        amounts[piece.genre]["pieces"] += 1
        amounts[piece.genre]["notes"] += piece.count
        amounts[piece.genre]["hours"] += piece.seconds / 3600
    return {genre: {k: round(v, 2) for k, v in amount.items()} for genre, amount in amounts.items()}


def _licences(train: CorpusPieces) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for _, piece in train:
        counts[piece.genre][f"{piece.style}: {piece.licence}"] += 1
    return {genre: dict(count) for genre, count in counts.items()}
