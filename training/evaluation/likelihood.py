"""Exact likelihood of excerpts under a checkpoint, in nats a note. Low values of songs mean dull songs.

``composer.likelihood.scorer`` computes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.likelihood.scorer import SCORED, Scorer
from midi_data.events.encoding import EventSequence
from training.evaluation.distances import mean_with_interval
from training.evaluation.samples import Sample


def nats_per_note(scorer: Scorer, excerpts: Sequence[EventSequence], genres: Sequence[str]) -> NDArray[np.float64]:
    """(N, G, 6) nats a note of each excerpt under each genre: ``SCORED``, conditioned on band, tempo and meters."""
    return np.stack([scorer.nats_per_note(each, genres, each.tempos[0].bpm) for each in excerpts])


def likelihood_report(scorer: Scorer, genre: str, real: Sequence[Sample], songs: Sequence[Sample]) -> dict[str, Any]:
    """Nats a note of one excerpt of each work, JSON-ready, with bootstrap intervals over works."""
    return {"unit": "nats a note", "real": _nll(scorer, genre, real), "songs": _nll(scorer, genre, songs)}


def _nll(scorer: Scorer, genre: str, samples: Sequence[Sample]) -> dict[str, Any]:
    first = {sample.work: sample.events for sample in reversed(samples) if len(sample.events)}
    nats = nats_per_note(scorer, list(first.values()), [genre])[:, 0]  # (N, 6)
    mean, within = mean_with_interval(nats.sum(axis=1), list(first), seed=0)
    fields = dict(zip(SCORED, nats.mean(axis=0).tolist(), strict=True))
    notes = sum(len(events) for events in first.values())
    return {"nll": mean, "interval": within, "fields": fields, "works": len(first), "notes": notes}
