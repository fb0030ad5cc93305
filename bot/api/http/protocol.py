"""uvicorn's HTTP/1.1 protocol with a deadline for incomplete requests.

uvicorn closes idle connections between requests, but not one that never sends, or never completes, its headers or body.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class TimedProtocol(H11Protocol):
    """Closes a connection whose request is incomplete after ``request_timeout_seconds``.

    The deadline of headers begins with the connection, and again with the first byte after an answer; the deadline of a
    body begins again with each piece, so that large uploads are possible.
    """

    request_timeout_seconds = 20.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the deadline of the first request."""
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the deadline."""
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Handle ``data``; a request that it completes has no deadline any more."""
        super().data_received(data)
        if not self._is_incomplete() or self._has_headers():  # each piece of a body extends its deadline
            self._stop_deadline()
        if self._is_incomplete() and self._deadline is None:
            self._start_deadline()

    def _is_incomplete(self) -> bool:
        """Whether headers or body of a request are still being received."""
        return not self._has_headers() or bool(self.cycle.more_body)

    def _has_headers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(self.request_timeout_seconds, self._time_out)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _time_out(self) -> None:
        self._deadline = None
        if self._is_incomplete() and not self.transport.is_closing():
            self.transport.close()


def timed_protocol(seconds: float) -> type[TimedProtocol]:
    """A protocol class whose deadline is ``seconds``, for ``uvicorn.Config(http=…)``."""
    return type("TimedProtocol", (TimedProtocol,), {"request_timeout_seconds": seconds})
