"""A small process beside each worker: its heart, and the janitor. ``python -m worker.heartbeat NAME QUEUE``.

A thread in the worker would not do: rendering holds Python's lock for seconds at a time, and a worker that cannot say
that it lives would count as dead. The worker tells its job through a pipe; when the pipe ends, the worker has ended,
however it ended, and a job it still held is given back at once. Does not know what the jobs do.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from rq.executions import Execution
from rq.job import Job

from worker.connection import QUEUE_UNAVAILABLE, TRAIN_QUEUE, Queues, connect
from worker.logs import configure_logging
from worker.maintenance import MaintenanceThread
from worker.settings import Settings
from worker.storage.stats import COMPOSE_WORKERS, TRAIN_WORKERS

logger = logging.getLogger(__name__)

OVERTIME_SECONDS = 60
"""A job that ignores its timeout for so long is stuck in foreign code: the heart stops, another takes the job."""


class HeartbeatProcess:
    """The worker's end: starts the process, and tells it the job in hand."""

    def __init__(self, settings: Settings, worker_name: str, queue_name: str) -> None:
        self.settings = settings
        self.words = (worker_name, queue_name)
        self.process = self._start()

    def tell(self, job: Job | None, execution: Execution | None) -> None:
        """Say which job is in hand, or that none is. A companion that died is replaced."""
        held = "" if job is None or execution is None else f"{job.origin} {job.id} {execution.id} {job.timeout or 0}"
        try:
            self._write(held)
        except BrokenPipeError:
            logger.warning("the companion process ended; it is started again")
            self.close()
            self.process = self._start()
            self._write(held)

    def close(self) -> None:
        """End the process by ending its pipe."""
        assert self.process.stdin is not None  # noqa: S101  for the type checker
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            logger.debug("the companion process had ended already")
        self.process.wait()

    def _write(self, held: str) -> None:
        assert self.process.stdin is not None  # noqa: S101  for the type checker
        self.process.stdin.write(f"{held}\n".encode())
        self.process.stdin.flush()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "worker.heartbeat", *self.words],
            stdin=subprocess.PIPE,
            env=os.environ | self.settings.environment(),
        )


@dataclass(frozen=True, slots=True)
class Held:
    """The job in the worker's hands, until ``deadline`` (``time.monotonic``)."""

    queue: str
    job_id: str
    execution_id: str
    deadline: float

    @classmethod
    def read(cls, line: str) -> Held | None:
        """What the worker told: ``queue job execution timeout``, or an empty line."""
        if not line:
            return None
        queue, job_id, execution_id, timeout = line.split()
        return cls(queue, job_id, execution_id, time.monotonic() + int(timeout) + OVERTIME_SECONDS)


class Heart:
    """The process' end: beats for the worker and its job until the pipe ends."""

    def __init__(self, queues: Queues, worker_name: str, queue_name: str) -> None:
        self.queues = queues
        self.worker_name = worker_name
        self.key = TRAIN_WORKERS if queue_name == TRAIN_QUEUE else COMPOSE_WORKERS
        self.held: Held | None = None

    def beat_until_end(self, pipe: IO[bytes]) -> None:
        """Beat at once at every change, and again and again in between."""
        pause = self.queues.settings.heartbeat_seconds
        while True:
            self._safely(self.beat)
            if select.select([pipe], [], [], pause)[0]:
                line = pipe.readline()
                if not line:
                    break
                self.held = Held.read(line.decode().strip())
        self._safely(self.give_back)

    def beat(self) -> None:
        """Say that the worker lives, and its job with it."""
        ttl = self.queues.settings.heartbeat_ttl_seconds
        self.queues.stats.beat(self.worker_name, ttl, self.key)
        if self.held is not None and time.monotonic() < self.held.deadline:
            self._extend(self.held, ttl)

    def give_back(self) -> None:
        """The worker has ended: it counts no longer, and a job it held is free for the janitor."""
        self.queues.stats.leave(self.worker_name, self.key)
        if self.held is not None:
            self._extend(self.held, 0)

    def _extend(self, held: Held, ttl: int) -> None:
        registry = self.queues.queue(held.queue).started_job_registry
        execution = Execution(held.execution_id, held.job_id, self.queues.connection)
        with self.queues.connection.pipeline() as pipe:
            # Only where it is still registered (xx): the worker may just have finished it.
            registry.add_execution(execution, pipeline=pipe, ttl=ttl, xx=True)
            pipe.expire(execution.key, max(ttl, 1))
            pipe.execute()

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except QUEUE_UNAVAILABLE as gone:
            # It may be back before the job is given up.
            logger.warning("no heartbeat, the server is gone: %s", gone)


def main() -> None:
    """Beat for the worker named on the command line."""
    # A stop is for the worker to act on; we end when it has ended.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    settings = Settings()
    configure_logging(settings.log_level)
    MaintenanceThread(connect(settings)).start()
    # Unbuffered: select must see what a buffer would hide.
    with os.fdopen(sys.stdin.fileno(), "rb", buffering=0) as pipe:
        Heart(connect(settings), *sys.argv[1:]).beat_until_end(pipe)


if __name__ == "__main__":
    main()
