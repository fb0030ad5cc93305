"""What happens around every request: an id, a limit on the body, safe headers, one log line, the clock for metrics.

Plain ASGI, since a wrapper that buffers would break event streams. Knows no endpoint.
"""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.api.errors import Problem
from bot.api.headers import SAFE_HEADERS
from bot.api.metrics import HttpMetrics

logger = logging.getLogger("bot.api.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class AroundRequests:
    """The outermost layer: request id, safe headers, log line, metrics."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on an HTTP request with an id; anything else as it is."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        begun, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, request_id)
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            self._tell(scope, request_id, status, time.perf_counter() - begun)

    def _tell(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self.metrics.count(scope["method"], route, status, seconds)
        extra = {
            "request_id": request_id, "method": scope["method"], "path": scope["path"], "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }  # fmt: skip
        # The path without its query: what people type there is not for a log.
        logger.info("%s %s %d", scope["method"], scope["path"], status, extra=extra)


class BodyLimit:
    """Refuses a body above the limit, by its header or, without one, while it arrives.

    Endpoints at a path in ``streamed`` read theirs piece by piece and keep a limit of their own.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, streamed: frozenset[str] = frozenset()) -> None:
        self.app = app
        self.limit_bytes = limit_bytes
        self.streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request whose body is small enough."""
        if scope["type"] != "http" or scope["path"] in self.streamed:
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > self.limit_bytes:
            await self._refuse(scope, send)
            return
        body = await self._read(receive) if scope["method"] in {"POST", "PUT", "PATCH"} else None
        if body is not None and len(body) > self.limit_bytes:
            await self._refuse(scope, send)
            return
        await self.app(scope, receive if body is None else _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes:
        """The body, or as much of it as shows that it is too long."""
        body, more = b"", True
        while more and len(body) <= self.limit_bytes:
            message = await receive()
            body += message.get("body", b"")
            more = message["type"] == "http.request" and message.get("more_body", False)
        return body

    async def _refuse(self, scope: Scope, send: Send) -> None:
        problem = Problem(
            detail=f"a request body has at most {self.limit_bytes} bytes", request_id=scope["state"]["request_id"]
        )
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": problem.model_dump_json().encode()})


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives ``body`` once, then whatever comes (a disconnect)."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _add_headers(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-ID"] = request_id
    for name, value in SAFE_HEADERS.items():
        headers.setdefault(name, value)
