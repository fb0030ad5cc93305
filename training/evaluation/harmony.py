"""Harmony and ensemble of songs beside real pieces: every figure with its distances, and a discriminator on them alone.

Figures are of excerpts of 8 bars (``midi_data.analysis.harmony`` and ``ensemble``). Songs are compared with held-out
pieces, and so are training pieces: the second comparison shows what real pieces reach.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.ensemble import ENSEMBLE_SOURCES, ensemble
from midi_data.analysis.excerpts import parts_of
from midi_data.analysis.harmony import HARMONY_SOURCES, harmony, slot_chords
from midi_data.events.encoding import EventSequence
from training.evaluation.discriminators.folds import cross_validate
from training.evaluation.discriminators.trees import tree_classifier
from training.evaluation.distances import compare, mean_with_interval, wasserstein
from training.evaluation.samples import Sample

BARS = 8
SOURCES = HARMONY_SOURCES | ENSEMBLE_SOURCES
"""Definition and source of every figure."""
TOLERANCE = 0.15
_MISSING = -1.0
"""Stands for a figure that an excerpt does not have; all figures are at least 0."""

Floats = NDArray[np.float64]


def harmony_figures(excerpts: Sequence[EventSequence]) -> dict[str, Floats]:
    """Every figure of ``SOURCES`` of N excerpts, (N,) each; NaN where an excerpt has none."""
    rows = []
    for events in excerpts:
        chords = slot_chords(events)
        rows.append(harmony(events, chords) | ensemble(events, chords))
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in SOURCES}


def harmony_report(
    real: Sequence[Sample], songs: Sequence[Sample], training: Sequence[Sample], seed: int
) -> dict[str, Any]:
    """Figures and discriminators of ``songs`` and of ``training`` pieces beside held-out ``real`` pieces; JSON-ready.

    Samples are cut into excerpts of ``BARS`` bars. ``training`` may be empty.
    """
    real, songs, training = (short_samples(each) for each in (real, songs, training))
    measured = [harmony_figures([sample.events for sample in each]) for each in (real, songs, training)]
    works = [sample.work for sample in real]
    rows = [_row(name, works, measured, [s.work for s in songs], seed) for name in SOURCES]
    known = [row for row in rows if row["songs_to_real"] is not None]
    return {
        "bars": BARS,
        "seed": seed,
        "excerpts": {"real": len(real), "songs": len(songs), "training": len(training)},
        "figures": rows,
        "within_15_percent": {
            "figures": len(known),
            "near": sum(abs(row["songs_to_real"] - 1) <= TOLERANCE for row in known),
        },
        "discriminator": _discriminator(real, songs, measured[0], measured[1], seed),
        "discriminator_training_pieces": _discriminator(real, training, measured[0], measured[2], seed),
    }


def short_samples(samples: Sequence[Sample]) -> list[Sample]:
    """``samples`` in excerpts of ``BARS`` bars; those without notes are left out."""
    cut = [Sample(sample.work, each) for sample in samples for each in parts_of(sample.events, BARS)]
    return [sample for sample in cut if len(sample.events)]


def _row(
    name: str, works: list[str], measured: list[dict[str, Floats]], song_works: list[str], seed: int
) -> dict[str, Any]:
    """One figure: means with intervals, ratio of means, and distances to songs and between halves of real works."""
    real, songs, training = (each[name] for each in measured)
    distances = compare(real, works, songs, wasserstein, seed)
    real_mean, real_interval = mean_with_interval(real, works, seed)
    songs_mean, songs_interval = mean_with_interval(songs, song_works, seed)
    ratio = songs_mean / real_mean if math.isfinite(songs_mean) and real_mean > 0 else None
    return {
        "name": name,
        "source": SOURCES[name],
        "real": real_mean,
        "real_interval": real_interval,
        "songs": songs_mean,
        "songs_interval": songs_interval,
        "songs_to_real": ratio,
        "training": float(np.nanmean(training)) if np.isfinite(training).any() else math.nan,
        "distance": "wasserstein",
        "distance_songs": distances.songs,
        "distance_halves": distances.halves,
        "distance_ratio": distances.ratio,
    }


def _discriminator(
    real: list[Sample],
    others: list[Sample],
    real_figures: dict[str, Floats],
    other_figures: dict[str, Floats],
    seed: int,
) -> dict[str, Any] | None:
    """Balanced accuracy of boosted trees on the figures alone, on unseen works; None for fewer than two works."""
    works = [sample.work for sample in [*real, *others]]
    if len({sample.work for sample in others}) < 2:
        return None
    rows = np.column_stack([np.concatenate([real_figures[name], other_figures[name]]) for name in SOURCES])  # (N, F)
    is_other = np.arange(len(works)) >= len(real)
    return asdict(
        cross_validate(works, is_other, tree_classifier(np.nan_to_num(rows, nan=_MISSING), is_other, seed), seed)
    )
