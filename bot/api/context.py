"""Dependencies of endpoints: the app's queues and settings, and the state of the requested job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, HTTPException, Path, Request

from bot.api.http.limits import RateLimit
from bot.api.metrics import HttpMetrics
from bot.api.schemas import JOB_ID_PATTERN
from bot.api.settings import ApiSettings
from worker.client import JobState, Queues, fetch_state, wait_for_disk

DISK_THREADS = 64
"""Requests that wait for the disk at once, in threads that are not those of the endpoints."""


@dataclass(frozen=True, slots=True)
class Service:
    """The app's queues, settings and metrics. ``durable``: what is accepted is on Redis's disk before the answer."""

    queues: Queues
    settings: ApiSettings
    metrics: HttpMetrics
    durable: bool = False
    disk_threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(DISK_THREADS))

    @property
    def rate_limit(self) -> RateLimit:
        """The limit on songs of one client."""
        return RateLimit(self.settings.rate_limit_songs, self.settings.rate_limit_seconds)

    async def keep(self) -> None:
        """As `keep_now`, without a thread of the endpoints."""
        if self.durable:
            await to_thread.run_sync(self.keep_now, limiter=self.disk_threads)

    def keep_now(self) -> None:
        """Wait until what was accepted outlives a kill of the Redis server: half a second, where ``durable``."""
        if self.durable:
            wait_for_disk(self.queues.connection)


def service_of(request: Request) -> Service:
    """The service of the app that handles ``request``."""
    return cast("Service", request.app.state.service)


CurrentService = Annotated[Service, Depends(service_of)]
JobId = Annotated[str, Path(pattern=JOB_ID_PATTERN, description="the id of an accepted request")]


def find_state(job_id: JobId, service: CurrentService) -> JobState:
    """The state of ``job_id``. Raises 404 if there is none."""
    state = fetch_state(service.queues, job_id)
    if state is None or service.queues.moderation.is_deleted(job_id):
        raise HTTPException(404, "there is no such composition, or it was deleted")
    return state


FoundState = Annotated[JobState, Depends(find_state)]
