"""Waiting for what happens in another process: by its condition, with a deadline, never by time alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

LOOK_SECONDS = 0.02


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> object:
    """The first true value of ``condition``; fails when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "what was waited for did not happen in time"
        time.sleep(LOOK_SECONDS)
    return value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
