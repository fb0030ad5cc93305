"""Puts the API together: one app over one connection to the queue. ``create_app`` is all there is to know outside."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from bot.api.context import Service
from bot.api.errors import add_error_handlers
from bot.api.metrics import HttpMetrics
from bot.api.middleware import AroundRequests, BodyLimit
from bot.api.routes import compositions, events, files, pages, status, timeline, trainings
from bot.api.settings import ApiSettings
from worker.client import Queues

DESCRIPTION = "Ask the band for a song; a worker composes and renders it; follow it by its status or its events."


def create_app(queues: Queues, settings: ApiSettings) -> FastAPI:
    """The app over ``queues``. The usual documentation pages load scripts from elsewhere, so there are none."""
    app = FastAPI(title="Riffbird", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None)
    app.openapi_version = "3.2.0"  # the first that can describe an event stream
    metrics = HttpMetrics(queues)
    app.state.service = Service(queues, settings, metrics)
    for part in (compositions, events, files, timeline, trainings, status, pages):
        app.include_router(part.router)
    app.mount("/assets", pages.assets, "assets")
    add_error_handlers(app)
    # The last one added is the outermost.
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(settings.cors_origins), allow_methods=["GET", "POST"])
    app.add_middleware(BodyLimit, limit_bytes=settings.body_limit_bytes, streamed=frozenset({trainings.UPLOADS_TO}))
    app.add_middleware(AroundRequests, metrics=metrics)
    return app
