"""Middleware: request id, safe headers, log line, metrics, HEAD, and a limit on size and time of bodies.

Plain ASGI, since a wrapper that buffers would break event streams.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import time
import uuid
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.api.errors import Problem
from bot.api.http.headers import SAFE_HEADERS
from bot.api.metrics import HttpMetrics

logger = logging.getLogger("bot.api.access")

METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})
"""Methods with a label of their own in the metrics; a client may invent any number of others."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestMiddleware:
    """The outermost layer: request id, safe headers, log line, metrics; answers HEAD as GET without a body."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self.app = app
        self.metrics = metrics
        self._has_warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give an HTTP request an id and call the app; other scopes pass unchanged."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        self._warn_of_unknown_proxy(scope)
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status, method = time.perf_counter(), 500, scope["method"]
        inner: Scope = {**scope, "method": "GET"} if method == "HEAD" else scope

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, request_id)
            await (_send_head if method == "HEAD" else send)(message)

        async def _send_head(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                await send({"type": "http.response.body", "body": b""})
                raise _HeadAnsweredError

        try:
            await self.app(inner, receive, send_with_headers)
        except* _HeadAnsweredError:
            pass  # the headers are sent; a stream would go on for its whole body
        finally:
            self._record(method, inner, request_id, status, time.perf_counter() - started)

    def _warn_of_unknown_proxy(self, scope: Scope) -> None:
        """Log once that requests come through a proxy whose ``X-Forwarded-For`` is not trusted.

        uvicorn sets the client's port to 0 where it trusts the header.
        """
        address, port = scope.get("client") or ("", 0)
        if self._has_warned or not port or "x-forwarded-for" not in Headers(scope=scope) or not _is_private(address):
            return
        self._has_warned = True
        logger.warning(
            "X-Forwarded-For from %s is ignored: all visitors behind this proxy share one rate limit. "
            "Add it to RIFFBIRD_FORWARDED_ALLOW_IPS", address,
        )  # fmt: skip

    def _record(self, method: str, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self.metrics.count(method if method in METHODS else "other", route, status, seconds)
        extra = {
            "request_id": request_id, "method": method[:20], "path": scope["path"], "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }  # fmt: skip
        # The query is not logged: people type there.
        logger.info("%s %s %d", method[:20], scope["path"], status, extra=extra)


def _is_private(address: str) -> bool:
    """Whether ``address`` is of this machine or a private network, as a proxy's is; a visitor's is not logged."""
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False


class _HeadAnsweredError(Exception):
    """Ends the app's work on a HEAD request once its headers are sent."""


class BodyLimit:
    """Refuses a body above ``limit_bytes`` (413), by its header or while it arrives, and a slow one (408).

    ``limits``: limits of forms by path; ``None`` for an endpoint that reads every body itself, with its own limit.
    """

    def __init__(
        self, app: ASGIApp, limit_bytes: int, timeout_seconds: float, limits: Mapping[str, int | None] | None = None
    ) -> None:
        self.app = app
        self.limit_bytes = limit_bytes
        self.timeout_seconds = timeout_seconds
        self.limits = limits or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app with a body that is small enough."""
        if scope["type"] != "http" or self._limit(scope) is None:
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope) or self.limit_bytes
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > limit:
            await _refuse(scope, send, 413, f"a request body has at most {limit} bytes")
            return
        if scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self.app(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(_read(receive, limit), self.timeout_seconds)
        except TimeoutError:
            await _refuse(scope, send, 408, f"a request body arrives within {self.timeout_seconds:g} s")
            return
        if len(body) > limit:
            await _refuse(scope, send, 413, f"a request body has at most {limit} bytes")
            return
        await self.app(scope, _replay(body, receive), send)

    def _limit(self, scope: Scope) -> int | None:
        limit = self.limits.get(scope["path"], self.limit_bytes)
        is_form = Headers(scope=scope).get("content-type", "").startswith("multipart/")
        return limit if limit is None or is_form else self.limit_bytes


async def _read(receive: Receive, limit_bytes: int) -> bytes:
    """The body, or enough of it to show that it exceeds ``limit_bytes``."""
    body, more = bytearray(), True
    while more and len(body) <= limit_bytes:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
    return bytes(body)


async def _refuse(scope: Scope, send: Send, status: int, detail: str) -> None:
    problem = Problem(detail=detail, request_id=scope["state"]["request_id"])
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": problem.model_dump_json().encode()})


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that returns ``body`` once, then what ``receive`` returns (a disconnect)."""
    is_read = False

    async def replay() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _add_headers(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-ID"] = request_id
    may_be_framed = "frame-ancestors *" in headers.get("Content-Security-Policy", "")
    for name, value in SAFE_HEADERS.items():
        if name != "X-Frame-Options" or not may_be_framed:
            headers.setdefault(name, value)
