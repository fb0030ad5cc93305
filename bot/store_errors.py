"""Which Redis errors mean that the server cannot be used now, so the bot waits instead of blaming the item at hand."""

from __future__ import annotations

import re

from redis.exceptions import (
    ClusterDownError,
    ConnectionError,  # noqa: A004  redis-py's name
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

UNAVAILABLE = (
    ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, ClusterDownError, MasterDownError, TryAgainError,
)  # fmt: skip
REFUSES_WRITES = re.compile(r"(?:^|caused error: )(?:OOM|MISCONF|READONLY|NOREPLICAS|LOADING|MASTERDOWN|CLUSTERDOWN)\b")


def is_unavailable(error: RedisError) -> bool:
    """Whether the server is gone or refuses writes (out of memory, read-only replica, no disk)."""
    if isinstance(error, UNAVAILABLE):
        return True
    return isinstance(error, ResponseError) and REFUSES_WRITES.search(str(error)) is not None
