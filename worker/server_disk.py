"""Waiting until the Redis server has written to disk what it has accepted."""

from __future__ import annotations

import logging
from typing import cast

from redis import Redis
from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)

DISK_MILLISECONDS = 3000
MARK_KEY = "riffbird:disk"


def wait_for_disk(connection: Redis) -> bool:
    """Wait at most 3 s until all that was written so far is on disk (WAITAOF); False where that is not confirmed.

    A server that is killed forgets up to 2 s of writes that it has answered: with ``appendfsync everysec`` it writes
    nothing while an fsync is under way. Raises errors of the connection, and of a server that refuses writes.
    """
    with connection.pipeline(transaction=False) as pipe:
        pipe.set(MARK_KEY, 1, ex=60)  # WAITAOF waits for writes of its own connection: others came before this one
        pipe.waitaof(1, 0, DISK_MILLISECONDS)
        written, answer = pipe.execute(raise_on_error=False)
    if isinstance(written, Exception):
        raise written
    if isinstance(answer, ResponseError):  # a server before 7.2, or appendonly is off
        logger.warning("Redis does not confirm writes to disk: %s", answer)
        return False
    if isinstance(answer, Exception):
        raise answer
    return bool(cast("list[int]", answer)[0])
