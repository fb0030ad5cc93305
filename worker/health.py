"""``python -m worker.health``: exit status 0 if this machine's worker lives; for container health checks.

With ``queue`` it asks only whether the queue's server answers, with a URL whether that answers. Starts nothing.
"""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request

from worker.client import QUEUE_UNAVAILABLE, Queues, connect
from worker.settings import Settings

TIMEOUT_SECONDS = 4


def worker_lives(queues: Queues) -> bool:
    """Whether a worker process of this machine said so lately."""
    return any(name.startswith(f"{socket.gethostname()}-") for name in queues.stats.names())


def healthy(what: str) -> bool:
    """Whether ``what`` (``worker``, ``queue`` or a URL) is well."""
    try:
        if what.startswith("http://"):
            return _answers(what)
        queues = connect(Settings())
        return worker_lives(queues) if what == "worker" else bool(queues.connection.ping())
    except (*QUEUE_UNAVAILABLE, urllib.error.URLError):
        return False


def _answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  http only, see above
        return bool(answer.status == 200)


if __name__ == "__main__":
    sys.exit(0 if healthy(sys.argv[1] if len(sys.argv) > 1 else "worker") else 1)
