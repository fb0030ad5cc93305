"""Exact likelihood of real excerpts and of songs under the checkpoint, field by field. Too likely is dull.

Knows samples and the scorer; the arithmetic is in ``composer.model.likelihood``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from composer.model.likelihood import Scorer
from midi_data.events.encoding import FIELDS
from training.evaluation.distances import mean_with_interval
from training.evaluation.samples import Sample

COLUMNS = ("band", *FIELDS)


def likelihood_report(scorer: Scorer, genre: str, real: Sequence[Sample], songs: Sequence[Sample]) -> dict[str, Any]:
    """Nats a note of one excerpt a work, told genre, band, tempo and meters; JSON-ready, with intervals over works."""
    return {"unit": "nats a note", "real": _nll(scorer, genre, real), "songs": _nll(scorer, genre, songs)}


def _nll(scorer: Scorer, genre: str, samples: Sequence[Sample]) -> dict[str, Any]:
    first = {sample.work: sample for sample in reversed(samples) if len(sample.events)}
    row = [scorer.genres.index(genre)]
    with threadpool_limits(1, user_api="blas"):  # as in composing
        sums = [scorer.field_sums(each.events, row, each.events.tempos[0].bpm)[0] for each in first.values()]
    notes = np.array([len(each.events) for each in first.values()])
    nats = np.array(sums) / notes[:, None]
    mean, within = mean_with_interval(nats.sum(axis=1), list(first), seed=0)
    fields = dict(zip(COLUMNS, nats.mean(axis=0).tolist(), strict=True))
    return {"nll": mean, "interval": within, "fields": fields, "works": len(first), "notes": int(notes.sum())}
