"""Puts right what dead workers leave behind, and does what is due: a thread in every companion process.

Jobs whose worker fell silent go back to the front of the queue, retries whose time has come are enqueued, songs past
their time are deleted. One janitor works at a time, whichever gets the lock. Does not know what the jobs do.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from pathlib import Path
from typing import Any, cast

from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.registry import ScheduledJobRegistry, clean_registries
from rq.utils import current_timestamp

from worker.client import COMPOSE_QUEUE, QUEUE_UNAVAILABLE, REPLY_QUEUE, SERIALIZER, TRAIN_QUEUE, Queues

logger = logging.getLogger(__name__)

ROUND_SECONDS = 0.5
LOCK_KEY = "riffbird:janitor"
LOCK_MILLISECONDS = 10_000
SEEN_KEY = "riffbird:intermediate"
TAKEN_SECONDS = 5.0
"""A job taken off the queue this long ago and not begun was taken by a worker that died in between."""
HOUSEKEEPING_SECONDS = 60.0


class MaintenanceThread(threading.Thread):
    """Runs until ``stop``. A lost server ends no janitor: the next round may find it again."""

    def __init__(self, queues: Queues) -> None:
        super().__init__(name="janitor", daemon=True)
        self.queues = queues
        self.watched = [queues.queue(name) for name in (COMPOSE_QUEUE, REPLY_QUEUE, TRAIN_QUEUE)]
        self.stopping = threading.Event()
        self.housekeeping_due = 0.0

    def run(self) -> None:
        """One round after the other."""
        while not self.stopping.wait(ROUND_SECONDS):
            try:
                self.round()
            except QUEUE_UNAVAILABLE as gone:
                logger.warning("the janitor cannot reach the server: %s", gone)
            except Exception:
                logger.exception("a janitor's round failed")

    def stop(self) -> None:
        """Let the running round end, begin no other."""
        self.stopping.set()

    def round(self) -> None:
        """Everything that is due, unless another janitor is at it."""
        connection = self.queues.connection
        if not connection.set(LOCK_KEY, self.name, nx=True, px=LOCK_MILLISECONDS):
            return
        try:
            for queue in self.watched:
                self._take_back_abandoned(queue)
                self._put_back_untaken(queue)
                _enqueue_due_retries(queue)
            self._keep_house()
        finally:
            connection.delete(LOCK_KEY)

    def _take_back_abandoned(self, queue: Queue) -> None:
        """Jobs whose worker sent no heartbeat within its time to live: retried, or failed when no retry is left."""
        queue.started_job_registry.cleanup(exception_handlers=[self._count_abandoned])

    def _count_abandoned(self, job: Job, *_error: Any) -> None:
        logger.warning("job %s was abandoned, its worker fell silent", job.id)
        self.queues.stats.count_failure("WorkerLost")
        if not job.retries_left and job.origin == COMPOSE_QUEUE:
            self.queues.stats.count_outcome("failed")
        if not job.retries_left and job.origin == TRAIN_QUEUE:
            self.queues.stats.count_training("failed")

    def _put_back_untaken(self, queue: Queue) -> None:
        """RQ moves a job to a list of its own while a worker takes it; one that stays there has lost its worker."""
        connection, key = self.queues.connection, queue.intermediate_queue_key
        taken = [raw.decode() for raw in cast("list[bytes]", connection.lrange(key, 0, -1))]
        known = cast("dict[bytes, bytes]", connection.hgetall(SEEN_KEY))
        fields = {_seen_field(queue, job_id) for job_id in taken}
        gone = [field for field in known if field not in fields and field.startswith(f"{queue.name}/".encode())]
        if gone:
            connection.hdel(SEEN_KEY, *gone)
        for job_id in taken:
            first_seen = known.get(_seen_field(queue, job_id))
            if first_seen is None:
                connection.hset(SEEN_KEY, _seen_field(queue, job_id), time.time())
            elif time.time() - float(first_seen) > TAKEN_SECONDS:
                _put_back(queue, job_id)

    def _keep_house(self) -> None:
        if time.monotonic() < self.housekeeping_due:
            return
        self.housekeeping_due = time.monotonic() + HOUSEKEEPING_SECONDS
        for queue in self.watched:
            clean_registries(queue)
        expired = self.queues.songs.expire()
        if expired:
            logger.info("%d songs expired", expired)
        settings = self.queues.settings
        _sweep(settings.scratch_dir, 2 * settings.job_timeout_seconds)
        _sweep(settings.trainings_dir, 2 * settings.train_timeout_seconds)


def _sweep(folder: Path, age_seconds: float) -> None:
    """Delete folders that killed processes left in ``folder``: nothing in them has changed for ``age_seconds``."""
    for left in folder.glob("*") if folder.exists() else ():
        if time.time() - max(_changed(path) for path in (left, *left.rglob("*"))) > age_seconds:
            shutil.rmtree(left, ignore_errors=True)


def _changed(path: Path) -> float:
    """When ``path`` was last changed; 0 if it has gone meanwhile."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _enqueue_due_retries(queue: Queue) -> None:
    """RQ's own scheduler does this in a forked process, which a worker on an accelerator must not have."""
    registry = ScheduledJobRegistry(queue=queue)  # type: ignore[no-untyped-call]
    due = registry.get_jobs_to_schedule(current_timestamp())
    for job in Job.fetch_many(due, connection=queue.connection, serializer=SERIALIZER):
        if job is not None:
            with queue.connection.pipeline() as pipe:
                queue._enqueue_job(job, pipeline=pipe, at_front=job.should_enqueue_at_front())  # noqa: SLF001  as RQScheduler does
                registry.remove(job, pipeline=pipe)
                pipe.execute()


def _put_back(queue: Queue, job_id: str) -> None:
    """Return ``job_id`` to the front of the queue, unless it went on meanwhile or is there already."""
    waits = queue.connection.lpos(queue.key, job_id) is not None
    try:
        lost = Job.fetch(job_id, connection=queue.connection, serializer=SERIALIZER).get_status() == JobStatus.QUEUED
    except NoSuchJobError:
        lost = False
    with queue.connection.pipeline() as pipe:
        pipe.lrem(queue.intermediate_queue_key, 0, job_id)
        if lost and not waits:
            logger.warning("job %s goes back to its queue, it was taken but not begun", job_id)
            pipe.lpush(queue.key, job_id)
        pipe.execute()


def _seen_field(queue: Queue, job_id: str) -> bytes:
    return f"{queue.name}/{job_id}".encode()
