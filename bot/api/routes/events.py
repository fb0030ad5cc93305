"""A status as server-sent events: one at once, one at every change, the last one when it is settled.

Reads the same state as the plain status does: a composition's here, a training's in ``bot.api.routes.trainings``.
Does not
know who listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from fastapi import APIRouter, Depends, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from bot.api.context import CurrentService, JobId, KnownState
from bot.api.errors import GONE, GONE_RETRY_SECONDS
from bot.api.routes.compositions import UNKNOWN
from bot.api.serializers import composition_of
from worker.client import QUEUE_UNAVAILABLE, fetch_state

router = APIRouter(tags=["compositions"])

PAUSES = {"queued": 0.5, "composing": 0.2, "rendering": 0.2}
"""Seconds between two looks. A waiting song changes seldom, and many may wait; a settled one changes no more."""


class Told(Protocol):
    """A state that has a status."""

    @property
    def status(self) -> str:
        """Its name, one that is settled or a key of the pauses."""


StateT = TypeVar("StateT", bound=Told)


class OpenStreams:
    """Counts the open streams of one process and refuses those above the limit."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, service: CurrentService) -> AsyncIterator[None]:
        """Hold one place while a stream is open."""
        if self.count >= service.settings.event_streams_limit:
            raise HTTPException(
                503, "too many event streams are open: ask for the status instead", {"Retry-After": "10"}
            )
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


OPEN_STREAMS = OpenStreams()


@router.get(
    "/compositions/{job_id}/events",
    response_class=EventSourceResponse,
    responses=UNKNOWN,
    dependencies=[Depends(OPEN_STREAMS)],
)
async def watch(job_id: JobId, service: CurrentService, first: KnownState) -> AsyncIterator[ServerSentEvent]:
    """Follow a composition: ``state`` events with the status' JSON, ``trouble`` while the queue cannot be reached."""
    look = partial(fetch_state, service.queues, job_id)
    async for event in follow(first, look, composition_of, PAUSES):
        yield event


async def follow(
    state: StateT | None,
    look: Callable[[], StateT | None],
    shown: Callable[[StateT], BaseModel],
    pauses: Mapping[str, float],
) -> AsyncIterator[ServerSentEvent]:
    """``state`` and what ``look`` finds later, each change as it is ``shown``; ends with a status without a pause."""
    told: StateT | None = None
    while state is not None:
        if state != told:
            data = shown(state).model_dump(mode="json", exclude_none=True)
            yield ServerSentEvent(event="state", data=data, retry=1000)
            told = state
        if state.status not in pauses:
            return
        await asyncio.sleep(pauses[state.status])
        try:
            state = await run_in_threadpool(look)
        except QUEUE_UNAVAILABLE:
            yield ServerSentEvent(event="trouble", data={"detail": GONE})
            await asyncio.sleep(GONE_RETRY_SECONDS / 5)
