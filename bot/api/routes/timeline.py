"""``/timeline`` and threads: public songs, newest first, found by genre and by words of their titles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response

from bot.api.context import CurrentService, FoundState, JobId, Service
from bot.api.routes.compositions import UNKNOWN
from bot.api.schemas import Composition, Thread, Timeline
from bot.api.serializers import song_of
from bot.commands.genre_names import GenreNames
from bot.commands.text import quoted
from composer.genre_store import spellings
from worker.client import Query as TimelineQuery
from worker.client import SongRecord, plain_title

router = APIRouter(tags=["timeline"])

IDS_PATTERN = r"^[A-Za-z0-9_-]{1,128}(,[A-Za-z0-9_-]{1,128}){0,49}$"
Text = Annotated[str | None, Query(min_length=1, max_length=80, description="words that are all in the title")]


@router.get("/timeline", response_model_exclude_none=False)
def timeline(
    service: CurrentService,
    response: Response,
    before: Annotated[int | None, Query(ge=1, le=2**53, description="only songs numbered below this")] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    genre: Annotated[str | None, Query(min_length=1, max_length=60, description="a genre, or its alias")] = None,
    q: Text = None,
    house: Annotated[bool | None, Query(description="only songs of the house, or none of them")] = None,
    ids: Annotated[str | None, Query(pattern=IDS_PATTERN, description="up to 50 ids, with commas")] = None,
) -> Timeline:
    """Songs that were requested in public, newest first; all filters that are given hold."""
    response.headers["Cache-Control"] = "no-store"
    index = service.queues.songs.timeline
    if ids is not None:
        return Timeline(
            songs=_compositions(service, index.listed(list(dict.fromkeys(ids.split(","))))), next_before=None
        )
    query = TimelineQuery(canonical_genre(genre), tuple(plain_title(q or "").split()), house)
    found, next_before = index.search(query, limit, before)
    return Timeline(songs=_compositions(service, found), next_before=next_before)


@router.get("/compositions/{job_id}/thread", responses=UNKNOWN)
def thread(job_id: JobId, service: CurrentService, response: Response, state: FoundState) -> Thread:
    """The public songs of the thread that a composition is in, first to last."""
    response.headers["Cache-Control"] = "no-store"
    root = state.revision.root if state.revision else job_id
    return Thread(songs=_compositions(service, service.queues.songs.timeline.thread(root)))


def canonical_genre(name: str | None) -> str | None:
    """The canonical name of a genre on offer. Raises 422 for another one."""
    if name is None:
        return None
    names = GenreNames(spellings())
    found = names.find(name)
    if found is None:
        raise HTTPException(422, f"genre: I don't know {quoted(name)}. I play: {', '.join(names.names)}.")
    return found


def _compositions(service: Service, ids: list[str]) -> list[Composition]:
    songs: list[SongRecord] = service.queues.songs.read(ids)
    replies = service.queues.songs.timeline.replies([song.id for song in songs])
    return [
        song_of(song).model_copy(update={"replies": count}) for song, count in zip(songs, replies, strict=True)
    ]  # fmt: skip
