"""A process beside each worker sends its heartbeats: ``python -m worker.monitoring.heartbeat NAME QUEUE PID``.

A thread would not do: rendering holds Python's lock for seconds at a time, and a worker without heartbeats counts as
dead. The worker writes its current job to a pipe. When the pipe ends, the worker has ended, however it ended, and its
job is released at once. The process also runs the maintenance threads. Knows nothing of what the jobs do.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, cast

from rq.executions import Execution
from rq.job import Job

from worker.connection import Queues, connect
from worker.errors import QUEUE_UNAVAILABLE
from worker.maintenance.housekeeping import HousekeepingThread
from worker.maintenance.rescue import RescueThread
from worker.monitoring.logs import configure_logging
from worker.monitoring.process_use import process_use
from worker.queue.leases import Leases
from worker.queue.names import TRAIN_QUEUE
from worker.settings import Settings
from worker.storage.stats import COMPOSE_WORKERS, TRAIN_WORKERS

logger = logging.getLogger(__name__)

OVERTIME_SECONDS = 60
"""A job that exceeds its timeout by this much hangs in foreign code: its lease is no longer renewed."""
REPORT_SECONDS = 10.0
"""Between two reports of memory and processor time."""
RESTART_PAUSE_SECONDS = 0.5


class HeartbeatProcess:
    """The worker's side: starts the process, writes the current job to it, and starts it again when it dies.

    ``keep_lease`` is called when it has died: no heartbeat comes until the next one has started.
    """

    def __init__(self, settings: Settings, worker_name: str, queue_name: str, keep_lease: Callable[[], None]) -> None:
        self.settings = settings
        self.keep_lease = keep_lease
        self.arguments = (worker_name, queue_name, str(os.getpid()))
        self.line = ""
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.process = self._start()
        threading.Thread(target=self._keep_running, name="heartbeat watch", daemon=True).start()

    def set_job(self, job: Job | None, execution: Execution | None) -> None:
        """Say which job is being performed, or that none is."""
        with self.lock:
            self.line = ""
            if job is not None and execution is not None:
                self.line = f"{job.origin} {execution.composite_key} {job.timeout or 0}"
            self._write()

    def close(self) -> None:
        """End the process by ending its pipe."""
        self.closing.set()
        with self.lock:
            _close_quietly(cast("IO[bytes]", self.process.stdin))
            self.process.wait()

    def _keep_running(self) -> None:
        """Start the process again whenever it ends, whether or not the worker has a job."""
        while True:
            self.process.wait()
            if not self.closing.is_set():
                self.keep_lease()
            if self.closing.wait(RESTART_PAUSE_SECONDS):
                return
            logger.warning("the heartbeat process ended with status %d; it is started again", self.process.returncode)
            with self.lock:
                self._restart()

    def _restart(self) -> None:
        if self.closing.is_set():
            return
        _close_quietly(cast("IO[bytes]", self.process.stdin))
        try:
            self.process = self._start()
        except OSError as error:  # out of processes or memory for the moment
            logger.warning("the heartbeat process does not start: %s", error)
            return
        self._write()

    def _write(self) -> None:
        try:
            pipe = cast("IO[bytes]", self.process.stdin)
            pipe.write(f"{self.line}\n".encode())
            pipe.flush()
        except (BrokenPipeError, ValueError):  # it has just ended: the next one gets the line
            logger.debug("the heartbeat process has ended")

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "worker.monitoring.heartbeat", *self.arguments],
            stdin=subprocess.PIPE,
            env=os.environ | self.settings.environment(),
        )


def _close_quietly(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        logger.debug("the heartbeat process had ended already")


@dataclass(frozen=True, slots=True)
class CurrentJob:
    """The job that the worker performs, renewed until ``deadline`` (``time.monotonic``)."""

    queue: str
    entry: str
    deadline: float

    @property
    def job_id(self) -> str:
        """The job's id: the first part of its execution's key."""
        return self.entry.partition(":")[0]

    @classmethod
    def read(cls, line: str) -> CurrentJob | None:
        """Parse ``queue job:execution timeout``; an empty line is no job."""
        if not line:
            return None
        queue, entry, timeout = line.split()
        return cls(queue, entry, time.monotonic() + int(timeout) + OVERTIME_SECONDS)


class Heartbeat:
    """The process's side: sends heartbeats for the worker and renews its job's lease until the pipe ends."""

    def __init__(self, queues: Queues, worker_name: str, queue_name: str, pid: str) -> None:
        self.queues = queues
        self.worker_name = worker_name
        self.key = TRAIN_WORKERS if queue_name == TRAIN_QUEUE else COMPOSE_WORKERS
        self.role = "trainer" if queue_name == TRAIN_QUEUE else "worker"
        self.pid = int(pid)
        self.leases = Leases(queues.connection, worker_name)
        self.job: CurrentJob | None = None
        self.report_at = 0.0

    def run(self, pipe: IO[bytes]) -> None:
        """Beat at every change and every ``heartbeat_seconds``."""
        pause = self.queues.settings.heartbeat_seconds
        while True:
            self._attempt(self.beat)
            if select.select([pipe], [], [], pause)[0]:
                line = pipe.readline()
                if not line:
                    break
                self.job = CurrentJob.read(line.decode().strip())
        self._attempt(self.end)

    def beat(self) -> None:
        """Say that the worker is alive and renew its job's lease."""
        ttl = self.queues.settings.heartbeat_ttl_seconds
        if self.job is not None and time.monotonic() < self.job.deadline:
            registry_key = self.queues.queue(self.job.queue).started_job_registry.key
            self.leases.renew(self.job.job_id, registry_key, self.job.entry, ttl)
        self.queues.stats.beat(self.worker_name, ttl, self.key)
        if time.monotonic() >= self.report_at:
            self._report()

    def end(self) -> None:
        """The worker has ended: it counts no longer, and a job it left can be rescued."""
        self.queues.stats.remove(self.worker_name, self.key)
        if self.job is not None:
            self.leases.release(self.job.job_id)

    def _report(self) -> None:
        self.report_at = time.monotonic() + REPORT_SECONDS
        use = process_use(self.pid, self.role, self.worker_name)
        if use is not None:
            self.queues.stats.report(use, round(6 * REPORT_SECONDS))

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except QUEUE_UNAVAILABLE as error:
            # The server may be back before the lease ends.
            logger.warning("no heartbeat: the Redis server is unavailable: %s", error)


def main() -> None:
    """Send heartbeats for the worker named on the command line."""
    # A stop is for the worker to act on; this process ends when the worker has ended.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    settings = Settings()
    configure_logging(settings.log_level)
    RescueThread(connect(settings)).start()
    HousekeepingThread(connect(settings)).start()
    # Unbuffered: select does not see what a buffer holds.
    with os.fdopen(sys.stdin.fileno(), "rb", buffering=0) as pipe:
        Heartbeat(connect(settings), *sys.argv[1:]).run(pipe)


if __name__ == "__main__":
    main()
