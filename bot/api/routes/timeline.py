"""``/timeline`` and ``/genres``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from bot.api.context import CurrentService
from bot.api.schemas import GenreFacts, Timeline
from bot.api.serializers import song_of
from composer.genre_store import cards
from midi_data.genres import GENRES, HOUSE_GENRE

router = APIRouter(tags=["timeline"])


@router.get("/timeline", response_model_exclude_none=False)
def timeline(
    service: CurrentService,
    response: Response,
    before: Annotated[int | None, Query(ge=1, description="only songs numbered below this")] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
) -> Timeline:
    """Songs that were requested in public, newest first."""
    response.headers["Cache-Control"] = "no-store"
    songs = service.queues.songs.newest(limit, before)
    more = len(songs) == limit and songs[-1].number > 1
    return Timeline(songs=[song_of(song) for song in songs], next_before=songs[-1].number if more else None)


@router.get("/genres")
def genres() -> list[GenreFacts]:
    """The genres on offer: the shipped ones, then those trained on this installation."""
    shipped = [
        GenreFacts(
            name=genre.name,
            aliases=genre.aliases,
            tempo_range_bpm=genre.tempo_range_bpm,
            description=genre.description,
            house=genre.name == HOUSE_GENRE,
        )
        for genre in GENRES
    ]
    trained = [
        GenreFacts(
            name=card.name, aliases=(), tempo_range_bpm=card.tempo_range_bpm, description=card.description, house=False
        )
        for card in cards()
    ]
    return shipped + trained
