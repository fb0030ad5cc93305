"""Gives back jobs that dead workers left behind, and enqueues retries whose time has come.

All times are of the Redis server's clock, and a worker counts as alive while its lease lasts (``worker.queue.leases``).
Knows nothing of what the jobs do.
"""

from __future__ import annotations

import logging
from typing import cast

from redis import WatchError
from redis.client import Pipeline
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import JobStatus
from rq.registry import ScheduledJobRegistry
from rq.utils import parse_composite_key

from worker.connection import Queues
from worker.maintenance.periodic import PeriodicThread
from worker.queue.dead_jobs import add_dead_job, requeue_dead_jobs
from worker.queue.known_job import KnownJob
from worker.queue.leases import without_lease
from worker.queue.names import COMPOSE_QUEUE, SERIALIZER, TRAIN_QUEUE
from worker.server_time import server_time

logger = logging.getLogger(__name__)

ROUND_SECONDS = 0.5
LOCK_SECONDS = 10.0
SEEN_KEY = "riffbird:intermediate"
TAKEN_SECONDS = 5.0
"""A job taken off its queue this long ago and not begun was taken by a worker that has died."""
MAX_RESCUES = 5
"""A job whose worker dies more often than this is given up: it may be what kills them."""


class RescueThread(PeriodicThread):
    """Looks after all queues twice a second."""

    def __init__(self, queues: Queues) -> None:
        super().__init__(queues, "rescue", ROUND_SECONDS, LOCK_SECONDS)
        self.watched = [queues.queue(name) for name in (COMPOSE_QUEUE, TRAIN_QUEUE)]

    def run_round(self) -> None:
        """Everything that is due now."""
        for queue in self.watched:
            self._rescue_abandoned(queue)
            self._put_back_untaken(queue)
            _enqueue_due_retries(queue)
            self.extend_lock()
        requeue_dead_jobs(self.queues)

    def _rescue_abandoned(self, queue: Queue) -> None:
        """Rescue started jobs whose lease has expired."""
        registry_key = queue.started_job_registry.key
        entries = [raw.decode() for raw in cast("list[bytes]", self.queues.connection.zrange(registry_key, 0, -1))]
        job_ids = {entry: parse_composite_key(entry)[0] for entry in entries}
        abandoned = without_lease(self.queues.connection, list(job_ids.values()))
        if not abandoned or not self._workers_had_time():
            return
        for entry, job_id in job_ids.items():
            if job_id in abandoned:
                self._rescue(queue, registry_key, entry)

    def _workers_had_time(self) -> bool:
        """Whether the server has been up for longer than a lease: after a restart leases are renewed first."""
        uptime = cast("dict[str, int]", self.queues.connection.info("server"))["uptime_in_seconds"]
        return uptime > self.queues.settings.heartbeat_ttl_seconds

    def _rescue(self, queue: Queue, registry_key: str, entry: str) -> None:
        """Enqueue the job of ``entry`` once more, or fail it after ``MAX_RESCUES``; in one transaction."""
        execution = Execution.from_composite_key(entry, self.queues.connection)
        with self.queues.connection.pipeline() as pipe:
            pipe.watch(registry_key)  # type: ignore[no-untyped-call]  # a worker that finishes now wins
            if pipe.zscore(registry_key, entry) is None:
                return
            job = self._fetch(execution.job_id)
            pipe.multi()
            pipe.zrem(registry_key, entry)
            if job is not None:
                execution.delete(job, pipe)
                given_up = self._enqueue_again(queue, job, pipe)
            try:
                pipe.execute()
            except WatchError:
                return
        if job is not None:
            self._count(queue, job, given_up=given_up)

    def _fetch(self, job_id: str) -> KnownJob | None:
        try:
            return cast("KnownJob", KnownJob.fetch(job_id, connection=self.queues.connection, serializer=SERIALIZER))
        except NoSuchJobError:
            return None

    def _enqueue_again(self, queue: Queue, job: KnownJob, pipe: Pipeline) -> bool:
        """Queue the commands for another run; True where the job is given up instead."""
        rescues = int(job.meta.get("rescues", 0)) + 1
        job.meta["rescues"] = rescues
        # A training continues from its snapshot and may outlive many workers.
        most = MAX_RESCUES if queue.name != TRAIN_QUEUE else 4 * MAX_RESCUES
        if rescues <= most:
            queue._enqueue_job(job, pipeline=pipe, at_front=True)  # noqa: SLF001  as RQ's own clean-up does
            return False
        job.set_status(JobStatus.FAILED, pipeline=pipe)
        job._handle_failure(f"its worker died {rescues} times", pipe, worker_name="")  # noqa: SLF001  as RQ does
        return True

    def _count(self, queue: Queue, job: KnownJob, *, given_up: bool) -> None:
        logger.warning("job %s was abandoned: its worker sent no heartbeat", job.id, extra={"job_id": job.id})
        self.queues.stats.count_failure("WorkerLost")
        if not given_up:
            return
        add_dead_job(self.queues, job, f"its worker died {job.meta['rescues']} times")
        if queue.name == COMPOSE_QUEUE:
            self.queues.stats.count_outcome("failed")
        if queue.name == TRAIN_QUEUE:
            self.queues.stats.count_training("failed")

    def _put_back_untaken(self, queue: Queue) -> None:
        """Put back what a worker took off the queue and did not begin.

        RQ keeps such a job in an intermediate list. When each was first seen there is kept in ``SEEN_KEY``.
        """
        connection, key = self.queues.connection, queue.intermediate_queue_key
        taken = [raw.decode() for raw in cast("list[bytes]", connection.lrange(key, 0, -1))]
        known = cast("dict[bytes, bytes]", connection.hgetall(SEEN_KEY))
        fields = {_seen_field(queue, job_id) for job_id in taken}
        gone = [field for field in known if field not in fields and field.startswith(f"{queue.name}/".encode())]
        if gone:
            connection.hdel(SEEN_KEY, *gone)
        now = server_time(connection) if taken else 0.0
        for job_id in taken:
            first_seen = known.get(_seen_field(queue, job_id))
            if first_seen is None:
                connection.hset(SEEN_KEY, _seen_field(queue, job_id), now)
            elif now - float(first_seen) > TAKEN_SECONDS:
                self._put_back(queue, job_id)

    def _put_back(self, queue: Queue, job_id: str) -> None:
        """Return ``job_id`` to the front of the queue, unless it has begun or waits there already."""
        waits = queue.connection.lpos(queue.key, job_id) is not None
        job = self._fetch(job_id)
        lost = job is not None and job.get_status() == JobStatus.QUEUED
        with queue.connection.pipeline() as pipe:
            pipe.lrem(queue.intermediate_queue_key, 0, job_id)
            if lost and not waits:
                logger.warning("job %s was taken but not begun: it is queued again", job_id, extra={"job_id": job_id})
                pipe.lpush(queue.key, job_id)
            pipe.execute()


def _enqueue_due_retries(queue: Queue) -> None:
    """Enqueue scheduled jobs. RQ's own scheduler forks, which a worker with an accelerator must not do."""
    registry = ScheduledJobRegistry(queue=queue)  # type: ignore[no-untyped-call]
    if not queue.connection.exists(registry.key):
        return
    due = registry.get_jobs_to_schedule(int(server_time(queue.connection)))
    for job in KnownJob.fetch_many(due, connection=queue.connection, serializer=SERIALIZER):
        if job is not None:
            with queue.connection.pipeline() as pipe:
                queue._enqueue_job(job, pipeline=pipe, at_front=job.should_enqueue_at_front())  # noqa: SLF001  as RQScheduler does
                registry.remove(job, pipeline=pipe)
                pipe.execute()


def _seen_field(queue: Queue, job_id: str) -> bytes:
    return f"{queue.name}/{job_id}".encode()
