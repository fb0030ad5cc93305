"""The style space of an evaluation: latent vectors of held-out pieces of every genre and of the composed songs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.style import StyleModel
from midi_data.analysis.activity import masks_of
from midi_data.analysis.attribute_histograms import FULL, attribute_histograms_of, time_shift_histogram_of
from midi_data.corpus.dataset import Shard, all_pieces
from midi_data.events.encoding import EventSequence
from training.evaluation.samples import Sample

PIECES = 40
"""Held-out pieces of each genre on the map."""
Vectors = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StyleMap:
    """``pieces``: genre → (N, 2) held-out pieces; ``songs`` (N, 2). ``explained`` (2,): shares of the variance."""

    pieces: dict[str, Vectors]
    songs: Vectors
    explained: Vectors


def style_map(
    style: Mapping[str, NDArray[Any]], shards: Sequence[Shard], genre: str, songs: Sequence[Sample], seed: int
) -> StyleMap | None:
    """Songs of ``genre`` and held-out pieces on the first two principal components of the pieces' latent vectors.

    ``style``: the checkpoint's weights of the style model; ``None`` without any, or without held-out pieces. Pieces
    are encoded without their genre, so that their places follow from their notes alone.
    """
    if not style:
        return None
    model, rng = StyleModel.from_tensors(style), np.random.default_rng(seed)
    held = list(all_pieces(list(shards), "valid"))
    vectors = {}
    for name in sorted({piece.genre for _, piece in held} | {genre}):
        own = [pair for pair in held if pair[1].genre == name]
        chosen = rng.permutation(len(own))[:PIECES].tolist()
        vectors[name] = np.array([song_vector(model, shard.events(piece)) for shard, piece in (own[n] for n in chosen)])
    vectors = {name: found for name, found in vectors.items() if len(found)}
    ours = np.array([song_vector(model, sample.events) for sample in songs if len(sample.events)])
    if not vectors or not len(ours):
        return None
    every = np.concatenate(list(vectors.values()))  # (N, K)
    mean = every.mean(axis=0)
    _, scale, axes = np.linalg.svd(every - mean, full_matrices=False)
    return StyleMap(
        {name: (found - mean) @ axes[:2].T for name, found in vectors.items()},
        (ours - mean) @ axes[:2].T,
        scale[:2] ** 2 / max((scale**2).sum(), 1e-12),
    )


def song_vector(model: StyleModel, events: EventSequence) -> Vectors:
    """(K,) mean of the posterior of a piece's song vector, its genre unknown."""
    shares, time_shift = attribute_histograms_of(events) / FULL, time_shift_histogram_of(events) / FULL
    return model.encode(shares, time_shift, events.band, {}, masks_of(events))[0].song
