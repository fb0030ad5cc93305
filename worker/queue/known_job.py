"""The RQ job class of all workers: it calls functions of a fixed set only, and no callback or webhook.

RQ imports whatever dotted names it finds in a job: the function, three callbacks, webhooks' URLs. A writer to Redis
could so run code in a worker, or in a process that holds tokens. Retries are timed by the Redis server's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from redis.client import Pipeline
from rq import Queue
from rq.exceptions import DeserializationError
from rq.job import Job, JobStatus
from rq.utils import import_attribute

from worker.errors import UnknownFunctionError
from worker.queue.names import JOB_FUNCTIONS
from worker.server_time import server_datetime


class KnownJob(Job):
    """A job of this service. An unknown function raises ``UnknownFunctionError`` and the job fails without a retry."""

    @property
    def func(self) -> Callable[..., Any]:
        """The function to call. Raises ``UnknownFunctionError``."""
        if self.func_name not in JOB_FUNCTIONS or self.instance is not None:
            raise UnknownFunctionError(str(self.func_name))
        return import_attribute(self.func_name)

    @property
    def should_retry(self) -> bool:
        """Whether a failed run is repeated: not if its data cannot be read."""
        try:
            return self.func_name in JOB_FUNCTIONS and bool(self.retries_left)
        except DeserializationError:
            return False

    def retry(self, queue: Queue, pipeline: Pipeline) -> None:
        """Enqueue or schedule the job once more, within ``pipeline``."""
        interval = self.get_retry_interval()
        self.retries_left = (self.retries_left or 1) - 1
        if not interval:
            queue._enqueue_job(self, pipeline=pipeline, at_front=self.should_enqueue_at_front())  # noqa: SLF001  as RQ does
            return
        self.set_status(JobStatus.SCHEDULED, pipeline=pipeline)
        due = server_datetime(self.connection) + timedelta(seconds=interval)
        queue.schedule_job(self, due, pipeline=pipeline)

    def execute_success_callback(self, *_: Any) -> None:
        """No job of this service has one."""

    def execute_failure_callback(self, *_: Any) -> None:
        """No job of this service has one."""

    def execute_stopped_callback(self, *_: Any) -> None:
        """No job of this service has one."""

    def send_webhooks(self, *_: Any, **__: Any) -> None:
        """No job of this service has one."""
