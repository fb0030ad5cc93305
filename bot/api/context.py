"""What an endpoint finds in its app: the queues and the settings the app was made with. Knows no endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Path, Request

from bot.api.limits import RateLimit
from bot.api.metrics import HttpMetrics
from bot.api.settings import ApiSettings
from worker.client import JobState, Queues, fetch_state


@dataclass(frozen=True, slots=True)
class Service:
    """Everything endpoints share."""

    queues: Queues
    settings: ApiSettings
    metrics: HttpMetrics

    @property
    def rate_limit(self) -> RateLimit:
        """How often one client may ask for a song."""
        return RateLimit(self.settings.rate_limit_songs, self.settings.rate_limit_seconds)


def service_of(request: Request) -> Service:
    """The service of the app that answers ``request``."""
    return cast("Service", request.app.state.service)


CurrentService = Annotated[Service, Depends(service_of)]
JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="the id a request was accepted under")]


def known_state(job_id: JobId, service: CurrentService) -> JobState:
    """What became of ``job_id``; 404 if nothing is known of it."""
    state = fetch_state(service.queues, job_id)
    if state is None:
        raise HTTPException(404, "there is no such composition, or its time has come and it was deleted")
    return state


KnownState = Annotated[JobState, Depends(known_state)]
