"""Which Redis errors mean that the server cannot be used now, so the bot waits instead of blaming the item at hand."""

from __future__ import annotations

import re

from redis.exceptions import ClusterDownError, RedisError, ResponseError, TryAgainError

from worker.client import QUEUE_UNAVAILABLE

UNAVAILABLE = (*QUEUE_UNAVAILABLE, ClusterDownError, TryAgainError)
REFUSES_WRITES = re.compile(r"(?:^|caused error: )(?:OOM|MISCONF|READONLY|NOREPLICAS|LOADING|MASTERDOWN|CLUSTERDOWN)\b")


def is_unavailable(error: RedisError) -> bool:
    """Whether the server is gone or refuses writes (out of memory, read-only replica, no disk)."""
    if isinstance(error, UNAVAILABLE):
        return True
    return isinstance(error, ResponseError) and REFUSES_WRITES.search(str(error)) is not None
