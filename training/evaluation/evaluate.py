"""An evaluation from corpus and checkpoint to a report: held-out pieces and songs in the same number of bars.

Each comparison is in a module of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from composer.decoding.generate import Composer
from composer.likelihood.scorer import Scorer
from composer.model.checkpoint import Checkpoint
from composer.request import Sampling
from midi_data.analysis.excerpts import parts_of, spread_excerpts
from midi_data.corpus.dataset import Shard, all_pieces
from training.evaluation.control import genre_report, obeyed_report
from training.evaluation.discriminators.features import Measured, measure
from training.evaluation.discriminators.folds import cross_validate
from training.evaluation.discriminators.trees import tree_classifier
from training.evaluation.discriminators.window_network import network_classifier
from training.evaluation.distances import INTERVAL
from training.evaluation.errors import EvaluationError
from training.evaluation.harmony import harmony_report
from training.evaluation.likelihood import likelihood_report
from training.evaluation.novelty_check import novelty_report, training_grams
from training.evaluation.samples import (
    Composed,
    Sample,
    compose_songs,
    composed_samples,
    drawn,
    excerpt_bars,
    held_out,
    opened,
    real_samples,
)
from training.evaluation.statistics import near_enough, statistics, structure_report
from training.evaluation.style_map import StyleMap, style_map

JUDGED_BARS = 16
"""Bars of the excerpts of the discriminators and the genre classifier."""
REFERENCE_PIECES = 80
FEWEST_REFERENCES = 8
FEWEST_SONGS = 40

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Options of ``riffbird evaluate``. ``songs``: None for ``enough_songs``."""

    corpus: Path
    genre: str
    songs: int | None = None
    seed: int = 0
    randomness: float = 0.5
    sampling: Sampling = "probability"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """``report``: JSON-ready, NaN as None. Samples and measurements are kept for the plots."""

    report: dict[str, Any]
    real: list[Sample]
    songs: list[Sample]
    real_measured: Measured
    songs_measured: Measured
    style_map: StyleMap | None = None


def evaluate(
    request: EvaluationRequest, checkpoint: Checkpoint, note: Note, on_progress: Callable[[float], None] | None = None
) -> Evaluation:
    """Evaluate ``checkpoint``; ``on_progress`` is called with 0 … 1 of the composing.

    Raises ``EvaluationError`` or ``CorpusError`` for too few works or songs.
    """
    with opened(request.corpus, request.genre) as shards:
        held = held_out(shards, request.genre)
        bars = excerpt_bars(held)
        real = real_samples(held, bars)
        works = len({s.work for s in real})
        count = request.songs or enough_songs(works)
        note(f"{len(real)} excerpts of {bars} bars of {works} held-out works; composing {count} songs")
        if count < enough_songs(works):
            note(f"{count} songs for halves of {works // 2} works: so few look farther from real pieces than they are")
        composed = compose_songs(
            Composer(checkpoint),
            request.genre,
            bars,
            count,
            request.seed,
            randomness=request.randomness,
            sampling=request.sampling,
            on_progress=on_progress,
        )
        songs = composed_samples(composed, bars)
        if len(songs) < 2:
            raise EvaluationError(f"an evaluation needs at least 2 songs of {bars} bars, not {len(songs)}")
        return _judged(request, checkpoint, note, shards, real, composed, songs, bars)


def enough_songs(works: int) -> int:
    """Half of ``works``, so that no song is drawn twice; at least ``FEWEST_SONGS``.

    With fewer songs their sampling noise counts as distance: 24 songs beside halves of 80 works had 2 statistics of 29
    near enough, 82 songs of the same checkpoint had 11.
    """
    return max(FEWEST_SONGS, works // 2)


def _judged(
    request: EvaluationRequest,
    checkpoint: Checkpoint,
    note: Note,
    shards: list[Shard],
    real: list[Sample],
    composed: list[Composed],
    songs: list[Sample],
    bars: int,
) -> Evaluation:
    measured = measure([s.events for s in real]), measure([s.events for s in songs])
    report = _heading(request, checkpoint, real, len(composed), songs, bars)
    note("statistics")
    report["statistics"] = statistics(measured[0], [s.work for s in real], measured[1], request.seed)
    report["within_1.25"] = near_enough(report["statistics"])
    report["structure"] = structure_report(report["statistics"])
    note("training pieces in the songs' place")
    training = training_samples(shards, request.genre, bars, request.seed)
    report["training_pieces"] = reachable(training, measured[0], [s.work for s in real], request.seed)
    note("harmony and ensemble")
    report["harmony"] = harmony_report(real, songs, training, request.seed)
    note("discriminators")
    short_real, short_songs = _shorter(real), _shorter(songs)
    report["discriminators"] = discriminators(short_real, short_songs, request.seed)
    note("copy rate, genre, likelihood")
    report["copy_rate"] = novelty_report(real, songs, training_grams(shards), request.seed)
    judged_bars = min(JUDGED_BARS, bars)
    report["genre_control"] = genre_report(shards, request.genre, short_real, short_songs, judged_bars, request.seed)
    report["nll"] = likelihood_report(Scorer(checkpoint), request.genre, real, songs)
    report["obeyed"] = obeyed_report(composed)
    map_of_styles = style_map(checkpoint.style, shards, request.genre, songs, request.seed)
    return Evaluation(plain(report), real, songs, *measured, map_of_styles)


def _heading(
    request: EvaluationRequest,
    checkpoint: Checkpoint,
    real: list[Sample],
    composed: int,
    songs: list[Sample],
    bars: int,
) -> dict[str, Any]:
    return {
        "genre": request.genre,
        "checkpoint": checkpoint.label,
        "corpus": request.corpus.name,
        "seed": request.seed,
        "randomness": request.randomness,
        "sampling": request.sampling,
        "bars": bars,
        "interval_quantiles": INTERVAL,
        "real": {"works": len({s.work for s in real}), "excerpts": len(real)},
        "songs": {"composed": composed, "compared": len(songs)},
    }


def _shorter(samples: list[Sample]) -> list[Sample]:
    """Samples in excerpts of ``JUDGED_BARS`` bars (shorter ones unchanged); empty ones are left out."""
    cut = [Sample(s.work, each) for s in samples for each in (parts_of(s.events, JUDGED_BARS) or [s.events])]
    return [sample for sample in cut if len(sample.events)]


def training_samples(shards: list[Shard], genre: str, bars: int, seed: int) -> list[Sample]:
    """One excerpt of each of up to ``REFERENCE_PIECES`` training pieces; empty for fewer than ``FEWEST_REFERENCES``."""
    pieces = [pair for pair in all_pieces(shards, "train") if pair[1].genre == genre]
    chosen = drawn(pieces, REFERENCE_PIECES, np.random.default_rng(seed))
    samples = [
        Sample(piece.work, each)
        for shard, piece in chosen
        for each in spread_excerpts(shard.events(piece), bars, 1)
        if len(each)
    ]
    return samples if len(samples) >= FEWEST_REFERENCES else []


def reachable(training: list[Sample], real: Measured, works: list[str], seed: int) -> dict[str, Any] | None:
    """The distances of the statistics with training pieces in place of songs; None without training pieces."""
    if not training:
        return None
    rows = statistics(real, works, measure([sample.events for sample in training]), seed)
    return {"excerpts": len(training), "ratios": {row["name"]: row["ratio"] for row in rows}, **near_enough(rows)}


def discriminators(real: list[Sample], songs: list[Sample], seed: int) -> dict[str, Any]:
    """Balanced accuracy of both discriminators on unseen works; 0.5 is perfect."""
    both = [*real, *songs]
    works, ours = [sample.work for sample in both], np.arange(len(both)) >= len(real)
    pieces = [sample.events for sample in both]
    classifiers = {
        "trees": tree_classifier(measure(pieces).rows, ours, seed),
        "network": network_classifier(pieces, ours, seed),
    }
    found = {name: asdict(cross_validate(works, ours, classifier, seed)) for name, classifier in classifiers.items()}
    return {**found, "real_excerpts": len(real), "song_excerpts": len(songs), "seed": seed}


def plain(value: Any) -> Any:
    """``value`` as JSON: tuples as lists, NaN and infinity as None, floats with six digits."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
