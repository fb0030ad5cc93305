"""For whoever runs the service: does it live, can it take requests, what does it count."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from bot.api.context import CurrentService
from bot.api.metrics import CONTENT_TYPE
from bot.api.routes.compositions import PROBLEMS
from bot.api.schemas import Health, Readiness
from worker.client import COMPOSE_QUEUE

router = APIRouter(tags=["operation"])


@router.get("/health")
def health() -> Health:
    """200 as long as this process answers, whatever else is gone."""
    return Health(status="ok")


@router.get("/ready", responses={503: PROBLEMS[503]})
def ready(service: CurrentService) -> Readiness:
    """200 while requests can be taken in; 503 while the queue cannot be reached."""
    queues = service.queues
    queues.connection.ping()
    return Readiness(
        status="ready",
        workers=queues.stats.worker_count(),
        waiting=queues.depth(COMPOSE_QUEUE),
        limit=queues.settings.queue_limit,
    )


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(service: CurrentService) -> Response:
    """Prometheus metrics of this process and of the whole service."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
