"""What can go wrong between a request and its job. The text is one line: the rule and the offending value."""

from __future__ import annotations


class ServiceError(Exception):
    """Base of the package's errors."""


class WorkerRefusedError(ServiceError):
    """For the operator: the service cannot run like this, starting it again alike will not help."""


class QueueFullError(ServiceError):
    """For whoever asks: as many songs wait as may wait. Asking again after ``retry_after_seconds`` may help."""

    def __init__(self, limit: int, retry_after_seconds: int, what: str = "songs") -> None:
        super().__init__(f"at most {limit} {what} wait at a time, and {limit} do: try again in {retry_after_seconds} s")
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


class TrainerLostError(ServiceError):
    """A fault of the moment: the training's process was killed from outside; the next attempt goes on from there."""


class JobIdError(ServiceError, ValueError):
    """For the programmer of a frontend: a job id is 1–128 letters, digits, ``-`` and ``_``."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"a job id is 1-128 letters, digits, - and _, not {job_id[:200]!r}")
