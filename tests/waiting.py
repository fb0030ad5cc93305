"""Waiting for what happens in another process: by its condition, with a deadline, never by time alone."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

LOOK_SECONDS = 0.02
DEADLINE_SECONDS = 180.0
"""Only a failure waits this long: a loaded machine takes many times longer than an idle one to start a process."""
PORTS = range(15_000, 32_000)
"""Below the ports of outgoing connections (from 32768 on Linux): none of them takes the port of a later listener."""


def wait_for(condition: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> object:
    """The first true value of ``condition``; fails when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "what was waited for did not happen in time"
        time.sleep(LOOK_SECONDS)
    return value


def free_port() -> int:
    """A port of this machine on which nothing listens, drawn at random: processes of one test run draw others."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def has_ended(process: psutil.Process) -> bool:
    """Whether ``process`` runs no more, also where its parent has not asked for its status yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
