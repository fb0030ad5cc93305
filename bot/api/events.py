"""A composition's status as server-sent events: one at once, one at every change, the last one when it is settled.

Reads the same state as the plain status does. Does not know who listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from bot.api.compositions import UNKNOWN
from bot.api.context import CurrentService, JobId, KnownState, Service
from bot.api.errors import GONE, GONE_RETRY_SECONDS
from bot.api.wording import composition_of
from worker.queues import QUEUE_GONE, JobState, look_up

router = APIRouter(tags=["compositions"])

PAUSES = {"queued": 0.5, "composing": 0.2, "rendering": 0.2}
"""Seconds between two looks. A waiting song changes seldom, and many may wait."""
SETTLED = frozenset({"done", "refused", "failed"})


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
    async for event in _changes(service, job_id, first):
        yield event


async def _changes(service: Service, job_id: str, state: JobState | None) -> AsyncIterator[ServerSentEvent]:
    told: JobState | None = None
    while state is not None:
        if state != told:
            yield _event(state)
            told = state
        if state.status in SETTLED:
            return
        await asyncio.sleep(PAUSES[state.status])
        try:
            state = await run_in_threadpool(look_up, service.queues, job_id)
        except QUEUE_GONE:
            yield ServerSentEvent(event="trouble", data={"detail": GONE})
            await asyncio.sleep(GONE_RETRY_SECONDS / 5)


def _event(state: JobState) -> ServerSentEvent:
    composition = composition_of(state)
    return ServerSentEvent(event="state", data=composition.model_dump(mode="json", exclude_none=True), retry=1000)
