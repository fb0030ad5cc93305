"""The songs of the speed benchmark: fixed requests."""

from __future__ import annotations

from composer.model.checkpoint import Checkpoint
from composer.planning.plan import Plan, plan_song
from composer.request import ComposeRequest

SEED, TEMPO_BPM = 7, 160.0
HOUSE_GENRE = "heavy-metal"


def house_genre(checkpoint: Checkpoint) -> str:
    """The default genre of the figures."""
    genres = checkpoint.header.genres
    return HOUSE_GENRE if HOUSE_GENRE in genres else genres[0]


def plans(checkpoint: Checkpoint, seconds: float, songs: int = 1) -> list[Plan]:
    """``songs`` plans of ``seconds`` each, in the house genre."""
    request = ComposeRequest(genres={house_genre(checkpoint): 1.0}, tempo_bpm=TEMPO_BPM, length_seconds=seconds)
    return [plan_song(request.model_copy(update={"seed": SEED + n}), checkpoint) for n in range(songs)]
