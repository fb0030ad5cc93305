"""Errors of queue and workers. The text is one line: the rule and the offending value."""

from __future__ import annotations

from redis.exceptions import (
    BusyLoadingError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError


class ServiceError(Exception):
    """Base of the package's errors."""


class WorkerRefusedError(ServiceError):
    """The service cannot run with these settings or on this folder; starting it again does not help."""


class QueueFullError(ServiceError):
    """The queue holds as many jobs as it may. Asking again after ``retry_after_seconds`` may help."""

    def __init__(self, limit: int, retry_after_seconds: int, what: str = "songs") -> None:
        super().__init__(f"at most {limit} {what} wait at a time, and {limit} do: try again in {retry_after_seconds} s")
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


class TrainerLostError(ServiceError):
    """The training's process was killed from outside. The next attempt continues from its last snapshot."""


class GaveWayError(ServiceError):
    """A song of the house is dropped because a job waits."""


class UnknownFunctionError(ServiceError):
    """A job names a function outside the fixed set (``worker.queue.known_job``)."""

    def __init__(self, function: str) -> None:
        super().__init__(f"a job calls one of the service's own functions, not {function[:200]!r}")


class UnreadablePayloadError(ServiceError):
    """A job's arguments do not match the payload's schema, for example those of another version."""


class JobIdError(ServiceError, ValueError):
    """A job id is 1 to 128 letters, digits, ``-`` and ``_``."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"a job id is 1-128 letters, digits, - and _, not {job_id[:200]!r}")


class WritesRefusedError(ResponseError):
    """The Redis server answers but refuses writes: its disk is full (MISCONF) or its replicas are gone."""


QUEUE_UNAVAILABLE = (
    RedisConnectionError, RedisTimeoutError, OutOfMemoryError, ReadOnlyError, BusyLoadingError, MasterDownError,
    WritesRefusedError,
)  # fmt: skip
"""What calls raise while the Redis server cannot be reached or refuses writes. Trying again later may help."""
