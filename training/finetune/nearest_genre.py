"""The known genre that new pieces are nearest to: the one under which they are most likely. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from composer.likelihood.scorer import Scorer
from composer.model.checkpoint import Checkpoint
from midi_data.analysis.excerpts import spread_excerpts
from midi_data.events.encoding import EventSequence
from training.evaluation.likelihood import nats_per_note

PIECES = 6
BARS = 12


ItemT = TypeVar("ItemT")


def spread(items: Sequence[ItemT], count: int = PIECES) -> list[ItemT]:
    """``count`` evenly spaced ``items``; all if there are fewer."""
    return [items[int(i)] for i in np.linspace(0, len(items) - 1, min(count, len(items)))]


def nll_by_known_genre(base: Checkpoint, pieces: Sequence[EventSequence]) -> dict[str, float]:
    """Nats a note of up to ``PIECES`` excerpts under each genre of ``base``, best first.

    The band's likelihood is left out: a new genre has bands of its own.
    """
    scorer = Scorer(base)
    excerpts = [excerpt for piece in spread(pieces) for excerpt in spread_excerpts(piece, BARS, 1) or [piece]]
    notes = np.array([len(each) for each in excerpts])
    nats = (
        notes @ nats_per_note(scorer, excerpts, scorer.genres)[:, :, 1:].sum(axis=2) / max(int(notes.sum()), 1)
    )  # (G,)
    return dict(sorted(zip(scorer.genres, nats.tolist(), strict=True), key=lambda pair: pair[1]))
