"""Error answers, all of one shape: ``{"detail": one line, "request_id": …}``."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.routing import Match

from bot.api.http.headers import SAFE_HEADERS
from worker.client import QUEUE_UNAVAILABLE, QueueFullError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5
UNAVAILABLE = "the queue cannot be used now: try again in a few seconds"
DISK_FULL = "the server's disk is full: try again later"
DISK_FULL_RETRY_SECONDS = 60
DISK_FULL_CODES = {errno.ENOSPC, errno.EDQUOT}
MAX_DETAIL_LENGTH = 500


class Problem(BaseModel):
    """Why a request failed: the rule and the value, in one line."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"detail": "a tempo is a number of beats a minute", "request_id": "f3a9…"}}
    )

    detail: str
    request_id: str


def problem_response(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The response for a problem, its detail in one line of at most `MAX_DETAIL_LENGTH` characters."""
    line = " ".join(detail.encode("utf-8", "replace").decode().split())
    shown = line if len(line) <= MAX_DETAIL_LENGTH else line[: MAX_DETAIL_LENGTH - 1] + "…"
    body = Problem(detail=shown, request_id=request.state.request_id)
    return JSONResponse(body.model_dump(), status, dict(headers or {}))


def add_error_handlers(app: FastAPI) -> None:
    """Register a handler for every kind of error."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(QueueFullError, _queue_full)
    app.add_exception_handler(OSError, _os_error)
    for error in QUEUE_UNAVAILABLE:
        app.add_exception_handler(error, _unavailable)
    app.add_exception_handler(Exception, _bug)


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class only
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return problem_response(request, error.status_code, str(error.detail), headers)


def _allowed_methods(request: Request) -> list[str]:
    """The methods of all routes at the request's path; Starlette names those of the first one."""
    methods = set[str]()
    for route in (route for router in request.app.state.routers for route in router.routes):
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= set(getattr(route, "methods", None) or ())
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _invalid(request: Request, error: Exception) -> JSONResponse:
    """The first invalid field, in Pydantic's words."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class only
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return problem_response(request, 422, f"{place[:100]}: {first['msg']}" if place else str(first["msg"]))


def _queue_full(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QueueFullError)  # noqa: S101  registered for this class only
    return problem_response(request, 503, str(error), {"Retry-After": str(error.retry_after_seconds)})


def _unavailable(request: Request, error: Exception) -> JSONResponse:
    logger.warning("Redis cannot be used: %s", error, extra={"request_id": request.state.request_id})
    return problem_response(request, 503, UNAVAILABLE, {"Retry-After": str(RETRY_SECONDS)})


def _os_error(request: Request, error: Exception) -> JSONResponse:
    if getattr(error, "errno", None) not in DISK_FULL_CODES:
        return _bug(request, error)
    logger.error("the disk is full: %s", error, extra={"request_id": request.state.request_id})
    return problem_response(request, 503, DISK_FULL, {"Retry-After": str(DISK_FULL_RETRY_SECONDS)})


def _bug(request: Request, error: Exception) -> JSONResponse:
    extra = {"request_id": request.state.request_id}
    logger.error("a bug while answering %s", request.url.path, exc_info=error, extra=extra)
    # This response is made outside the middleware that adds the safe headers to all others.
    return problem_response(request, 500, "an error of the service; it is logged under this request id", SAFE_HEADERS)
