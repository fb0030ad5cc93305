"""The songs of the speed benchmark: fixed requests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from composer.model.checkpoint import Checkpoint, header_for
from composer.model.config import expected_shapes
from composer.planning.plan import Plan, plan_song
from composer.request import ComposeRequest, PartRequest

SEED, TEMPO_BPM = 7, 160.0
STEP_TICKS = 3
HOUSE_GENRE = "heavy-metal"
PROGRAMS = (0, 30, 33, 29, 27, 0, 48, 81, 25, 56, 65, 73, 40, 11, 16, 52)
"""Programs of a band of up to sixteen parts; the first one is drums."""


def house_genre(checkpoint: Checkpoint) -> str:
    """The default genre of the figures."""
    genres = checkpoint.header.genres
    return HOUSE_GENRE if HOUSE_GENRE in genres else genres[0]


def plans(
    checkpoint: Checkpoint, seconds: float, songs: int = 1, parts: int | None = None, genre: str | None = None
) -> list[Plan]:
    """``songs`` plans of ``seconds`` each, in the house genre; ``parts`` parts instead of the genre's band."""
    genre = genre or house_genre(checkpoint)
    band = tuple(PartRequest(program=p, is_drum=n == 0) for n, p in enumerate(PROGRAMS[:parts])) if parts else None
    request = ComposeRequest(genres={genre: 1.0}, tempo_bpm=TEMPO_BPM, length_seconds=seconds, band=band)
    return [plan_song(request.model_copy(update={"seed": SEED + n}), checkpoint) for n in range(songs)]


def widened(checkpoint: Checkpoint, hidden: int) -> Checkpoint:
    """``checkpoint`` with random weights and ``hidden`` units a layer; speed does not depend on the weights."""
    config = replace(checkpoint.config, hidden=hidden)
    rng = np.random.default_rng(SEED)
    weights = {
        name: (rng.standard_normal(size) * (size[-1] ** -0.5)).astype(np.float32)
        for name, size in expected_shapes(config).items()
    }
    # Random time shifts would end songs early: every event comes an eighth of a beat after the last.
    weights["heads.time_shift.bias"][STEP_TICKS] += 20
    known = checkpoint.header
    header = header_for(config, name=f"random-{hidden}", genres=known.genres, styles=known.styles)
    return replace(checkpoint, header=header, weights=weights)
