"""Health check for containers: ``python -m worker.monitoring.health WHAT``, exit status 0 if it is healthy.

``worker`` (the default) and ``bot`` ask whether one on this machine has sent a heartbeat lately, ``queue`` whether the
Redis server accepts writes, and a URL whether it answers 200.
"""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request

from worker.connection import Queues, connect
from worker.errors import QUEUE_UNAVAILABLE
from worker.settings import Settings
from worker.storage.stats import BOTS, COMPOSE_WORKERS, TRAIN_WORKERS

TIMEOUT_SECONDS = 4
KINDS = {"worker": (COMPOSE_WORKERS, TRAIN_WORKERS), "bot": (BOTS,)}


def is_alive(queues: Queues, *kinds: str) -> bool:
    """Whether a process of this machine, of one of ``kinds``, has sent a heartbeat lately."""
    return any(name.startswith(f"{socket.gethostname()}-") for name in queues.stats.names(*kinds))


def is_healthy(what: str) -> bool:
    """Whether ``what`` (``worker``, ``bot``, ``queue`` or a URL) is healthy."""
    try:
        if what.startswith("http://"):
            return _answers(what)
        queues = connect(Settings())
        if what == "queue":
            queues.check_writable()
            return True
        return is_alive(queues, *KINDS[what])
    except (*QUEUE_UNAVAILABLE, urllib.error.URLError):
        return False


def _answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  http only, see above
        return bool(answer.status == 200)


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1] if len(sys.argv) > 1 else "worker") else 1)
