"""Every answer that is not a success, in one shape: ``{"detail": one line, "request_id": …}``. Knows no endpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from bot.api.headers import SAFE_HEADERS
from worker.client import QUEUE_UNAVAILABLE, QueueFullError

logger = logging.getLogger(__name__)

GONE_RETRY_SECONDS = 5
GONE = "the band's queue cannot be reached just now: try again in a few seconds"


class Problem(BaseModel):
    """Why there is no success: the rule and the value, in one line."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"detail": "a tempo is a number of beats a minute", "request_id": "f3a9…"}}
    )

    detail: str
    request_id: str


def answer(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response for a problem."""
    body = Problem(detail=detail, request_id=request.state.request_id)
    return JSONResponse(body.model_dump(), status, dict(headers or {}))


def add_error_handlers(app: FastAPI) -> None:
    """Give every kind of error its answer."""
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(QueueFullError, _full)
    for gone in QUEUE_UNAVAILABLE:
        app.add_exception_handler(gone, _gone)
    app.add_exception_handler(Exception, _bug)


def _http_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for nothing else
    return answer(request, error.status_code, str(error.detail), error.headers)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    """The first thing that is wrong, in the words of the schema."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for nothing else
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return answer(request, 422, f"{place}: {first['msg']}" if place else str(first["msg"]))


def _full(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QueueFullError)  # noqa: S101  registered for nothing else
    return answer(request, 503, str(error), {"Retry-After": str(error.retry_after_seconds)})


def _gone(request: Request, error: Exception) -> JSONResponse:
    logger.warning("the queue's server is gone: %s", error, extra={"request_id": request.state.request_id})
    return answer(request, 503, GONE, {"Retry-After": str(GONE_RETRY_SECONDS)})


def _bug(request: Request, error: Exception) -> JSONResponse:
    extra = {"request_id": request.state.request_id}
    logger.error("a bug answering %s", request.url.path, exc_info=error, extra=extra)
    # This answer is made outside the layer that adds the safe headers to all others.
    return answer(request, 500, "something broke on our side; it is logged under this request id", SAFE_HEADERS)
