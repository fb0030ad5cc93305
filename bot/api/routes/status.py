"""Health, readiness and metrics, for operators and orchestrators."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse

from bot.api.context import CurrentService
from bot.api.errors import Problem
from bot.api.http.limits import address_of, is_allowed
from bot.api.keys import given_key, matches
from bot.api.metrics import CONTENT_TYPE
from bot.api.routes.compositions import PROBLEMS
from bot.api.schemas import Health, Readiness
from worker.client import COMPOSE_QUEUE

router = APIRouter(tags=["operation"])

READY_KEY = "riffbird:ready"
READY_SECONDS = 60
FORBIDDEN: dict[int | str, dict[str, Any]] = {
    403: {"model": Problem, "description": "Neither the operator's key nor an allowed address"}
}


@router.get("/health")
def health() -> Health:
    """200 as long as this process answers."""
    return Health(status="ok")


@router.get("/ready", responses={503: PROBLEMS[503]})
def ready(service: CurrentService) -> Readiness:
    """200 while requests can be accepted; 503 while Redis is away or refuses writes."""
    queues = service.queues
    queues.connection.set(READY_KEY, 1, ex=READY_SECONDS)
    return Readiness(
        status="ready",
        workers=queues.stats.worker_count(),
        waiting=queues.depth(COMPOSE_QUEUE),
        limit=queues.settings.queue_limit,
    )


@router.get("/metrics", response_class=PlainTextResponse, responses=FORBIDDEN)
def metrics(request: Request, service: CurrentService) -> Response:
    """Prometheus metrics of this process and of the service, for the operator's key or allowed addresses."""
    settings = service.settings
    if not is_allowed(address_of(request), settings.metrics_allow) and not matches(
        given_key(request), settings.operator_key
    ):
        raise HTTPException(403, "metrics need the operator's key or an address in RIFFBIRD_METRICS_ALLOW")
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
