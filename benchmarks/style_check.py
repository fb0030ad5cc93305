"""Whether the style model reconstructs held-out pieces, samples styles like theirs, and blends genres evenly.

    python benchmarks/style_check.py CORPORA STYLE [--checkpoint FILE]

STYLE: weights of ``python -m training.style``. The checkpoint names the genres. Prints one JSON object:

- ``distances``: total variation of each attribute between a held-out part and its decoded style, the mean of its genre
  and program, and the nearest training part of the same;
- ``told_apart``: balanced accuracy of classifiers between encoded training pieces and samples for the same bands, and
  between two halves of the pieces;
- ``nearest_training``: median distance of samples and of held-out pieces to the nearest decoded training piece;
- ``blends``: places of five blends on the line between two genres' mean statistics, 0 to 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from composer.model.checkpoint import load_checkpoint
from composer.model.style import DecodedStyle, StyleModel, draw_style, style_noise
from composer.model.style.features import without_pitched_tones
from midi_data.analysis.activity import masks_of
from midi_data.analysis.attribute_histograms import COLUMNS, FULL, attribute_histograms_of, time_shift_histogram_of
from midi_data.corpus.dataset import all_pieces, open_shards
from midi_data.events.encoding import DRUM_PITCH, SAME_PROGRAM_LIMIT, EventSequence

Vectors = NDArray[np.float64]
PIECES = 66
"""Training pieces of a genre on either side of a classifier."""
BLENDS = (("heavy-metal", "jazz"), ("rock", "classical"), ("pop", "folk"))
STEPS = 5
NOISES = 60
"""Noises that each step of a blend is averaged over."""


class Piece:
    """A piece's band, genre row and statistics."""

    def __init__(self, events: EventSequence, genre: int) -> None:
        self.band, self.genres = events.band, {genre: 1.0}
        self.shares = without_pitched_tones(attribute_histograms_of(events) / FULL, self.band)
        self.time_shift, self.masks = time_shift_histogram_of(events) / FULL, masks_of(events)

    def decoded(self, model: StyleModel, rng: np.random.Generator | None) -> DecodedStyle:
        """What the piece's style decodes to: a draw of the posterior, its mean without ``rng``."""
        mean, std = model.encode(self.shares, self.time_shift, self.band, self.genres, self.masks)
        return model.decode(mean if rng is None else draw_style(mean, std, rng), self.band, self.genres)

    def sampled(self, model: StyleModel, rng: np.random.Generator) -> DecodedStyle:
        """What a sampled style decodes to, for the piece's band and genre."""
        return model.decode(model.sample(self.genres, self.band, rng), self.band, self.genres)


def distances(model: StyleModel, train: Sequence[Piece], held: Sequence[Piece]) -> dict[str, list[float]]:
    """Attribute → total variation to the decoded style, to the mean of genre and program, to the nearest part."""
    bank: dict[tuple[int, int], list[Vectors]] = defaultdict(list)
    for piece in train:
        for part, row in zip(piece.band, piece.shares, strict=True):
            bank[next(iter(piece.genres)), part // SAME_PROGRAM_LIMIT].append(row)
    found: dict[str, list[list[float]]] = defaultdict(list)
    for piece in held:
        decoded = piece.decoded(model, None).shares
        for index, part in enumerate(piece.band):
            known = np.array(bank.get((next(iter(piece.genres)), part // SAME_PROGRAM_LIMIT), []))
            if not len(known):
                continue
            row = piece.shares[index]
            nearest = known[np.abs(known - row).sum(axis=1).argmin()]
            for attribute, columns in COLUMNS.items():
                if row[columns].any():
                    rows = (decoded[index], known.mean(axis=0), nearest)
                    found[attribute].append([float(np.abs(each[columns] - row[columns]).sum() / 2) for each in rows])
    return {attribute: np.mean(values, axis=0).round(3).tolist() for attribute, values in found.items()}


def part_rows(decoded: DecodedStyle) -> Vectors:
    """(P, F) features of each part."""
    ranges = np.column_stack([decoded.lowest, decoded.highest, decoded.softest, decoded.loudest, decoded.voices])
    ranges[:, :2] %= DRUM_PITCH
    return np.hstack([decoded.shares, ranges])


def song_row(decoded: DecodedStyle) -> Vectors:
    """(F,) features of a song: means over its parts, time shifts and grid."""
    return np.concatenate([part_rows(decoded).mean(axis=0), decoded.time_shift, decoded.grid])


def told_apart(one: Sequence[DecodedStyle], other: Sequence[DecodedStyle]) -> dict[str, float]:
    """Balanced accuracy of classifiers of parts (logistic) and of songs (boosted trees); folds keep pairs together."""
    both = [*one, *other]
    label = np.repeat([0, 1], [len(one), len(other)])
    pair = np.concatenate([np.arange(len(one)), np.arange(len(other))])
    sizes = [len(each.shares) for each in both]
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))
    trees = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=6, min_samples_leaf=5)
    rows = np.vstack([part_rows(each) for each in both]), np.array([song_row(each) for each in both])
    return {
        "parts": _accuracy(logistic, rows[0], np.repeat(label, sizes), np.repeat(pair, sizes)),
        "songs": _accuracy(trees, rows[1], label, pair),
    }


def _accuracy(classifier: object, rows: Vectors, label: Vectors, groups: Vectors) -> float:
    found = cross_val_score(classifier, rows, label, groups=groups, cv=GroupKFold(5), scoring="balanced_accuracy")
    return round(float(found.mean()), 3)


def blend(model: StyleModel, genres: tuple[int, int], bands: Sequence[tuple[int, ...]]) -> list[float]:
    """Places of ``STEPS`` blends on the line between two genres' mean statistics, 0 to 1; all of the same noise."""
    rng = np.random.default_rng(0)
    noises = [(band, style_noise(len(band), rng)) for band in (bands[n % len(bands)] for n in range(NOISES))]
    means = []
    for weight in np.linspace(0, 1, STEPS):
        mixed = {genre: share for genre, share in zip(genres, (1 - weight, weight), strict=True) if share}
        decoded = [model.decode(model.style_of_noise(*noise, mixed, band), band, mixed) for band, noise in noises]
        means.append(np.mean([song_row(each)[: decoded[0].shares.shape[1]] for each in decoded], axis=0))
    line = means[-1] - means[0]
    return [round(float((mean - means[0]) @ line / (line @ line)), 3) for mean in means]


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    given = parser.parse_args()
    names = load_checkpoint(given.checkpoint).header.genres
    shards, model, rng = (
        open_shards(given.corpora),
        StyleModel.from_tensors(load_file(given.style)),
        np.random.default_rng(1),
    )
    train, held = (
        [Piece(shard.events(piece), names.index(piece.genre)) for shard, piece in all_pieces(shards, split)]
        for split in ("train", "valid")
    )
    report: dict[str, object] = {"distances": distances(model, train, held)}
    by_genre = {}
    for row, name in enumerate(names):
        own = [piece for piece in train if row in piece.genres]
        order = rng.permutation(len(own)).tolist()
        one, other = ([own[n] for n in part] for part in (order[:PIECES], order[PIECES : 2 * PIECES]))
        real, halves = ([piece.decoded(model, rng) for piece in pieces] for pieces in (one, other))
        samples = [piece.sampled(model, rng) for piece in one]
        by_genre[name] = {"samples": told_apart(real, samples), "pieces": told_apart(real, halves)}
    report["told_apart"] = by_genre
    report["nearest_training"] = nearest(model, train, held, rng)
    bands = [piece.band for piece in held][:: max(1, len(held) // 20)]
    report["blends"] = {
        f"{a} to {b}": blend(model, (names.index(a), names.index(b)), bands)
        for a, b in BLENDS
        if a in names and b in names
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


def nearest(
    model: StyleModel, train: Sequence[Piece], held: Sequence[Piece], rng: np.random.Generator
) -> dict[str, float]:
    """Median distance of song features to the nearest training piece's, of samples and of held-out pieces."""
    known = np.array([song_row(piece.decoded(model, None)) for piece in train])
    made: dict[str, Callable[[Piece], DecodedStyle]] = {
        "samples": lambda piece: piece.sampled(model, rng),
        "held-out pieces": lambda piece: piece.decoded(model, None),
    }
    return {
        name: round(float(np.median([np.abs(known - song_row(of(piece))).sum(axis=1).min() for piece in held])), 2)
        for name, of in made.items()
    }


if __name__ == "__main__":
    main()
