"""Server-sent events of a state: one at once, one at each change, the last one when it is settled.

Used by compositions and trainings.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from bot.api.context import CurrentService, FoundState, JobId
from bot.api.errors import RETRY_SECONDS, UNAVAILABLE
from bot.api.http.limits import client_of
from bot.api.routes.compositions import UNKNOWN
from bot.api.serializers import composition_of
from worker.client import QUEUE_UNAVAILABLE, fetch_state

router = APIRouter(tags=["compositions"])

RETRY_STREAM = {"Retry-After": "10"}
PAUSES = {"queued": 0.5, "composing": 0.2, "rendering": 0.2}
"""Seconds between two reads by status; a status without an entry is final."""


class HasStatus(Protocol):
    """A state with a status."""

    @property
    def status(self) -> str:
        """A key of the pauses, or a final status."""


StateT = TypeVar("StateT", bound=HasStatus)


class OpenStreams:
    """Counts the open streams of one process, in all and by client, and refuses those above the limits."""

    def __init__(self) -> None:
        self.by_client = Counter[str]()

    async def __call__(self, request: Request, service: CurrentService) -> AsyncIterator[None]:
        """Count one stream while it is open."""
        client, settings = client_of(request), service.settings
        if self.by_client.total() >= settings.event_streams_limit:
            raise HTTPException(503, "too many event streams are open: read the status instead", RETRY_STREAM)
        if self.by_client[client] >= settings.event_streams_per_client:
            raise HTTPException(
                429, f"one client may open {settings.event_streams_per_client} event streams", RETRY_STREAM
            )
        self.by_client[client] += 1
        try:
            yield
        finally:
            self.by_client[client] -= 1
            if not self.by_client[client]:
                del self.by_client[client]


OPEN_STREAMS = OpenStreams()


@router.get(
    "/compositions/{job_id}/events",
    response_class=EventSourceResponse,
    responses=UNKNOWN,
    dependencies=[Depends(OPEN_STREAMS)],
)
async def watch_composition(
    job_id: JobId, service: CurrentService, first: FoundState
) -> AsyncIterator[ServerSentEvent]:
    """Follow a composition: ``state`` events with its JSON, ``trouble`` while the queue cannot be used."""
    read = partial(fetch_state, service.queues, job_id)
    async for event in follow(first, read, composition_of, PAUSES):
        yield event


async def follow(
    state: StateT | None,
    read: Callable[[], StateT | None],
    serialize: Callable[[StateT], BaseModel],
    pauses: Mapping[str, float],
) -> AsyncIterator[ServerSentEvent]:
    """``state`` and what ``read`` returns later, each change converted by ``serialize``; ends with a final status."""
    sent: StateT | None = None
    while state is not None:
        if state != sent:
            data = serialize(state).model_dump(mode="json", exclude_none=True)
            yield ServerSentEvent(event="state", data=data, retry=1000)
            sent = state
        if state.status not in pauses:
            return
        await asyncio.sleep(pauses[state.status])
        try:
            state = await run_in_threadpool(read)
        except QUEUE_UNAVAILABLE:
            yield ServerSentEvent(event="trouble", data={"detail": UNAVAILABLE})
            await asyncio.sleep(RETRY_SECONDS / 5)
