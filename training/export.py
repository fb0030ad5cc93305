"""A trained network as a checkpoint: weights, names, validation figures, licences, and the parts beside it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from composer.model.checkpoint import Checkpoint, header_for
from composer.model.checkpoint_parts import Arrays
from composer.model.network import Network
from training.data.examples import Names
from training.data.pieces import CorpusPieces


def checkpoint_of(
    network: Network,
    names: Names,
    train: CorpusPieces,
    *,
    parts: Mapping[str, Arrays],
    name: str,
    valid: dict[str, dict[str, float]],
    trained_notes: int,
    recipe: dict[str, Any],
    curve: Sequence[tuple[int, float, float]] = (),
) -> Checkpoint:
    """``network``, facts of its pieces and the other ``parts`` (``training.planner.parts``) as a checkpoint."""
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
    typed: dict[str, Any] = dict(parts)
    return Checkpoint(header, weights, **typed)


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
