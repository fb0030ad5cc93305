"""Which genre of a checkpoint new pieces are most like: the one under which they are likeliest. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from composer.model.checkpoint import Checkpoint
from composer.model.likelihood import Scorer
from midi_data.analysis.excerpts import spread_excerpts
from midi_data.events.encoding import EventSequence

PIECES = 6
BARS = 12


Each = TypeVar("Each")


def spread(pieces: Sequence[Each], count: int = PIECES) -> list[Each]:
    """``count`` of ``pieces`` from first to last, all where there are no more."""
    return [pieces[int(i)] for i in np.linspace(0, len(pieces) - 1, min(count, len(pieces)))]


def nll_by_known_genre(base: Checkpoint, pieces: Sequence[EventSequence]) -> dict[str, float]:
    """Nats a note of up to ``PIECES`` excerpts, spread over ``pieces``, under each genre of ``base``, best first.

    The band's own likelihood is left out: a new genre brings its own bands.
    """
    scorer = Scorer(base)
    rows = list(range(len(scorer.genres)))
    excerpts = [excerpt for piece in spread(pieces) for excerpt in spread_excerpts(piece, BARS, 1) or [piece]]
    with threadpool_limits(1, user_api="blas"):  # as in composing
        sums = sum(scorer.field_sums(each, rows, each.tempos[0].bpm)[:, 1:].sum(axis=1) for each in excerpts)
    nats = np.asarray(sums) / max(sum(len(each) for each in excerpts), 1)
    return dict(sorted(zip(scorer.genres, nats.tolist(), strict=True), key=lambda pair: pair[1]))
