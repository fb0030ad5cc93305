"""How often songs repeat melodies of the training pieces, beside how often real held-out pieces do.

Knows samples and corpora; what an n-gram is says ``midi_data.analysis.novelty``.
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
    """The n-grams of every training piece of the corpus, of whatever genre."""
    return gram_set(shard.events(piece) for shard, piece in all_pieces(shards, "train"))


def novelty_report(real: Sequence[Sample], songs: Sequence[Sample], heard: Grams, seed: int) -> dict[str, Any]:
    """Copy rates of both, JSON-ready: means over works with bootstrap intervals."""
    return {
        "notes_a_gram": GRAM_NOTES,
        "training_grams": len(heard),
        "seed": seed,
        "real": _rates(real, heard, seed),
        "songs": _rates(songs, heard, seed),
    }


def _rates(samples: Sequence[Sample], heard: Grams, seed: int) -> dict[str, Any]:
    rates = np.array([copy_rate(grams(sample.events), heard) for sample in samples])
    mean, within = mean_with_interval(rates, [sample.work for sample in samples], seed)
    counted = {sample.work for sample, rate in zip(samples, rates, strict=True) if not np.isnan(rate)}
    return {"copy_rate": mean, "interval": within, "works": len(counted)}
