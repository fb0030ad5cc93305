"""Creates the FastAPI app over one connection to the queue."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from bot.api.context import Service
from bot.api.errors import Problem, add_error_handlers
from bot.api.http.middleware import BodyLimit, RequestMiddleware
from bot.api.http.multipart import MULTIPART_LIMIT_BYTES
from bot.api.metrics import HttpMetrics
from bot.api.routes import (
    compositions,
    events,
    files,
    moderation,
    pages,
    sharing,
    status,
    timeline,
    trainings,
    vocabulary,
)
from bot.api.settings import ApiSettings
from bot.mime_types import MIME_TYPES
from worker.client import Queues

DESCRIPTION = "Request a song; a worker composes and renders it; follow it by its status or its events."
ROUTES = (compositions, events, files, timeline, vocabulary, sharing, trainings, moderation, status, pages)
NOT_COMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, *MIME_TYPES.values())
"""Event streams, pictures, and a song's files, which are read in byte ranges."""
GZIP_LEVEL = 6
CORS_METHODS = ("GET", "POST", "DELETE")
CORS_HEADERS = ("Content-Type", "Idempotency-Key", "Authorization")
CORS_EXPOSED = ("Location", "Retry-After", "X-Request-ID")


def create_app(queues: Queues, settings: ApiSettings, *, durable: bool = False) -> FastAPI:
    """The app over ``queues``; ``durable`` as in `Service`.

    FastAPI's documentation pages load foreign scripts, so they are off.
    """
    app = FastAPI(
        title="Riffbird", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None,
        responses={422: {"model": Problem, "description": "A value that breaks a rule: the rule and the value"}},
    )  # fmt: skip
    app.openapi_version = "3.2.0"  # the first that can describe an event stream
    metrics = HttpMetrics(queues)
    app.state.service = Service(queues, settings, metrics, durable)
    app.state.routers = [part.router for part in ROUTES]
    for router in app.state.routers:
        app.include_router(router)
    app.mount("/assets", pages.assets, "assets")
    add_error_handlers(app)
    # The last one added is the outermost.
    limits = {trainings.PATH: None, compositions.PATH: MULTIPART_LIMIT_BYTES}
    app.add_middleware(
        BodyLimit, limit_bytes=settings.body_limit_bytes, timeout_seconds=settings.request_timeout_seconds,
        limits=limits,
    )  # fmt: skip
    app.add_middleware(GZipMiddleware, compresslevel=GZIP_LEVEL, exclude_content_types=NOT_COMPRESSED)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.cors_origins), allow_methods=CORS_METHODS,
            allow_headers=CORS_HEADERS, expose_headers=CORS_EXPOSED,
        )  # fmt: skip
    app.add_middleware(RequestMiddleware, metrics=metrics)
    return app
