"""A real HTTP server on loopback with routes, rate limits and faults on demand: the ground under the fake networks.

Knows no network. A handler gets a `Call` and returns a `Reply`; faults hit before or after it did its work.
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

Fault = Literal["429", "500", "503", "503-after", "timeout", "timeout-after", "reset", "reset-after"]
FAULTS: tuple[Fault, ...] = ("429", "500", "503", "503-after", "timeout", "timeout-after", "reset", "reset-after")
HOLD_SECONDS = 5.0  # a timed-out call is held at most this long; the client hangs up earlier


class TestClock:
    """A clock that only moves when somebody sleeps; shared by a bot and the fake it talks to."""

    __test__ = False

    def __init__(self, start: float) -> None:
        self._now = start
        self._lock = threading.Lock()
        self.slept = 0.0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += max(0.0, seconds)
            self.slept += max(0.0, seconds)

    wait = sleep


@dataclass
class Call:
    """One request as a handler sees it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")

    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)

    def parts(self) -> dict[str, tuple[str | None, bytes]]:
        """multipart/form-data by name: (file name, content)."""
        header = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(header + self.body)
        found = {}
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            found[name] = (part.get_filename(), part.get_payload(decode=True))
        return found


@dataclass
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Window:
    """A rate limit: ``limit`` calls in ``seconds``."""

    limit: int
    seconds: float
    used: int = 0
    reset: float = 0.0


Handler = Callable[..., Reply]


@dataclass
class FaultPlan:
    """Which calls go wrong: those queued for a route by name, and a share of all others."""

    rate: float = 0.0
    generator: random.Random = field(default_factory=lambda: random.Random(7))
    kinds: tuple[Fault, ...] = FAULTS
    queued: dict[str, deque[Fault]] = field(default_factory=dict)
    injected: Counter = field(default_factory=Counter)
    spared: set[str] = field(default_factory=set)

    def next(self, route: str) -> Fault | None:
        if self.queued.get(route):
            fault = self.queued[route].popleft()
        elif self.rate and route not in self.spared and self.generator.random() < self.rate:
            fault = self.generator.choice(self.kinds)
        else:
            return None
        self.injected[fault] += 1
        return fault

    def plan(self, route: str, *faults: Fault) -> None:
        self.queued.setdefault(route, deque()).extend(faults)


class FakeServer:
    """Routes are (method, pattern, handler, window). ``with`` starts and stops it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.faults = FaultPlan()
        self.routes: list[tuple[str, re.Pattern[str], Handler, Window | None]] = []
        self.calls: Counter = Counter()
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _make_handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def route(self, method: str, pattern: str, handler: Handler, window: Window | None = None) -> None:
        self.routes.append((method, re.compile(pattern), handler, window))

    def authorize(self, call: Call) -> Reply | None:
        """A refusal, or None."""
        raise NotImplementedError

    def stream(self, call: Call, connection: BaseHTTPRequestHandler) -> bool:  # noqa: ARG002
        """Networks that push override this: True when the connection was used up as a stream."""
        return False

    def error(self, status: int) -> Reply:
        return Reply(status, {"title": str(status), "detail": f"injected {status}"})

    def answer(self, call: Call) -> tuple[Reply | None, Fault | None]:
        """(what to send, the fault that hides it)."""
        for method, pattern, handler, window in self.routes:
            match = pattern.fullmatch(call.path)
            if method == call.method and match:
                name = f"{method} {pattern.pattern}"
                self.calls[name] += 1
                return self._serve(name, call, handler, window, match)
        return Reply(404, {"title": "Not Found", "detail": call.path}), None

    def _serve(
        self, name: str, call: Call, handler: Handler, window: Window | None, match: re.Match[str]
    ) -> tuple[Reply | None, Fault | None]:
        with self.lock:
            fault = self.faults.next(name)
            if fault in ("500", "503"):
                return self.error(int(fault)), None
            if fault in ("timeout", "reset"):
                return None, fault
            refusal = self.authorize(call) or self._limit(window, spent=fault == "429")
            if refusal is not None:
                return refusal, None
            reply = handler(call, *match.groups())
            reply.headers |= self._rate_headers(window)
            if fault == "503-after":
                return self.error(503), None
            return reply, fault

    def _limit(self, window: Window | None, *, spent: bool) -> Reply | None:
        if window is None:
            return self._too_many(Window(1, 1, 1, self.now() + 1)) if spent else None
        if self.now() >= window.reset:
            window.used, window.reset = 0, float(int(self.now() + window.seconds))
        if spent:
            return self._too_many(Window(window.limit, window.seconds, window.limit, self.now() + 2))
        if window.used >= window.limit:
            return self._too_many(window)
        window.used += 1
        return None

    def _too_many(self, window: Window) -> Reply:
        reply = self.error(429)
        reply.headers |= self._rate_headers(window)
        return reply

    def _rate_headers(self, window: Window | None) -> dict[str, str]:
        if window is None:
            return {}
        return {
            "x-rate-limit-limit": str(window.limit),
            "x-rate-limit-remaining": str(max(0, window.limit - window.used)),
            "x-rate-limit-reset": str(int(window.reset)),
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is part of the tests."""


def _make_handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:  # noqa: C901  many small methods
    class HandlerClass(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body in one packet

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            """The Date header tells the fake's own time."""
            return super().date_time_string(timestamp if timestamp is not None else fake.now())

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {key.lower(): value for key, value in self.headers.items()}
            call = Call(self.command, parts.path.rstrip("/"), query, headers, body)
            if fake.stream(call, self):
                return
            reply, fault = fake.answer(call)
            if fault in ("timeout", "timeout-after"):
                self._hold()
            elif fault in ("reset", "reset-after"):
                self._reset()
            elif reply is not None:
                self._send(reply)

        def _hold(self) -> None:
            """Say nothing until the client hangs up."""
            self.connection.settimeout(HOLD_SECONDS)
            with suppress(OSError):
                self.connection.recv(1)
            self.close_connection = True

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def _send(self, reply: Reply) -> None:
            content = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815

    return HandlerClass
