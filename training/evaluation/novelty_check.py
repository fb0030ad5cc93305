"""Copy rate: how often songs repeat melodies of the training pieces, compared with real held-out pieces.

``midi_data.analysis.novelty`` defines the n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from midi_data.analysis.novelty import GRAM_NOTES, Grams, copy_rate, gram_set, grams
from midi_data.corpus.dataset import Shard, all_pieces
from training.evaluation.distances import mean_with_interval
from training.evaluation.samples import Sample


def training_grams(shards: list[Shard]) -> Grams:
    """The n-grams of every training piece of the corpus, of all genres."""
    return gram_set(shard.events(piece) for shard, piece in all_pieces(shards, "train"))


def novelty_report(real: Sequence[Sample], songs: Sequence[Sample], known: Grams, seed: int) -> dict[str, Any]:
    """Copy rates of both, JSON-ready: means over works with bootstrap intervals."""
    return {
        "notes_a_gram": GRAM_NOTES,
        "training_grams": len(known),
        "seed": seed,
        "real": _rates(real, known, seed),
        "songs": _rates(songs, known, seed),
    }


def _rates(samples: Sequence[Sample], known: Grams, seed: int) -> dict[str, Any]:
    rates = np.array([copy_rate(grams(sample.events), known) for sample in samples])
    mean, within = mean_with_interval(rates, [sample.work for sample in samples], seed)
    counted = {sample.work for sample, rate in zip(samples, rates, strict=True) if not np.isnan(rate)}
    return {"copy_rate": mean, "interval": within, "works": len(counted)}
