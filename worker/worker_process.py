"""One warm worker process: loads the network once, then performs job after job in the process itself.

RQ's usual worker forks for each job; here the network stays loaded, and CUDA does not survive a fork. Heartbeats and
maintenance, which the forking parent does in RQ, are done by a process beside it (``worker.monitoring.heartbeat``).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import uuid
from dataclasses import replace

from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.utils import now

from composer.errors import ComposerError
from worker.connection import Queues, connect
from worker.errors import QUEUE_UNAVAILABLE
from worker.jobs import load_performer
from worker.monitoring.heartbeat import HeartbeatProcess
from worker.monitoring.logs import logged_job
from worker.queue.context import CURRENT_QUEUES
from worker.queue.dead_jobs import add_dead_job
from worker.queue.known_job import KnownJob
from worker.queue.leases import Leases
from worker.queue.names import COMPOSE_QUEUE, SERIALIZER, TRAIN_QUEUE
from worker.settings import DEFAULT_PERFORMER, Settings

logger = logging.getLogger(__name__)

START_LEASE_SECONDS = 30.0
"""A lease lasts this long until a heartbeat process renews it: on a loaded machine its start takes seconds."""
WORKER_TTL_SECONDS = 30
"""RQ waits for a job for this less 15 s, then sends a heartbeat of its own; a lost server shows no later."""


class WarmWorker(SimpleWorker):
    """An in-process worker. It holds a lease on its job, and hands the job back when it may not finish it.

    ``first_alone``: the first song is not composed in a batch, so that after a restart it is finished sooner.
    """

    def __init__(self, queues: Queues, queue_name: str = COMPOSE_QUEUE, *, first_alone: bool = False) -> None:
        # One queue only: RQ then moves jobs atomically instead of popping them, so none is lost in between.
        super().__init__(
            [Queue(queue_name, connection=queues.connection, serializer=SERIALIZER, job_class=KnownJob)],
            name=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}",
            connection=queues.connection,
            serializer=SERIALIZER,
            job_class=KnownJob,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
        )
        self.service = queues
        self.next_queues = _without_batches(queues) if first_alone else queues
        self.leases = Leases(queues.connection, self.name)
        self.heartbeat_process: HeartbeatProcess | None = None
        self._held: tuple[str, str, str] | None = None  # job id, registry of started jobs, execution

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Perform ``job`` here, with the context that jobs look for."""
        context = CURRENT_QUEUES.set(self.next_queues)
        self.next_queues = self.service
        try:
            with logged_job(job.id):
                super().execute_job(job, queue)
        finally:
            CURRENT_QUEUES.reset(context)
            self._set_job(None, None)
            self.leases.release(job.id)

    def prepare_execution(self, job: Job) -> Execution:
        """Take the lease, register that the job is begun, and have it renewed."""
        self.leases.take(job.id, START_LEASE_SECONDS)
        execution = super().prepare_execution(job)
        self._set_job(job, execution)
        return execution

    def keep_lease(self) -> None:
        """Renew the lease of the job in hand for as long as a new heartbeat process takes to start."""
        held = self._held
        try:
            if held is not None:
                self.leases.renew(*held, START_LEASE_SECONDS)
        except QUEUE_UNAVAILABLE as error:
            logger.warning("the lease is not renewed: the Redis server is unavailable: %s", error)

    def _set_job(self, job: Job | None, execution: Execution | None) -> None:
        self._held = None
        if job is not None and execution is not None:
            registry_key = self.service.queue(job.origin).started_job_registry.key
            self._held = (job.id, registry_key, execution.composite_key)
        if self.heartbeat_process is not None:
            self.heartbeat_process.set_job(job, execution)

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: object = None, exc_string: str = ""
    ) -> None:
        """Retry or fail ``job``; one that failed for good is kept as a dead letter."""
        if not job.should_retry:
            add_dead_job(self.service, job, exc_string.strip().rpartition("\n")[2])
        super().handle_job_failure(job, queue, started_job_registry, exc_string)

    def get_heartbeat_ttl(self, job: Job) -> int:  # noqa: ARG002  RQ's signature
        """Seconds without a heartbeat after which a job counts as abandoned."""
        return self.service.settings.heartbeat_ttl_seconds

    def clean_registries(self) -> None:
        """Left to ``worker.maintenance``: RQ's own clean-up compares clocks of different machines."""
        self.last_cleaned_at = now()  # type: ignore[assignment]

    def handle_warm_shutdown_request(self) -> None:
        """After the grace a second signal hands the job back to the queue."""
        logger.info("asked to stop; the job in hand may be finished first")
        # No grace is long enough for a training, which continues later from its last snapshot.
        trains = self.queue_names() == [TRAIN_QUEUE]
        grace = 0.0 if trains else self.service.settings.stop_grace_seconds
        # RQ takes a second signal within a second of the first for an echo of it.
        timer = threading.Timer(max(grace, 1.1), os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()


def _without_batches(queues: Queues) -> Queues:
    return replace(queues, settings=queues.settings.model_copy(update={"compose_batch_size": 1}))


def run_worker(settings: Settings, queue_name: str = COMPOSE_QUEUE) -> None:
    """Work until stopped (SIGTERM, SIGINT). Raises one of ``QUEUE_UNAVAILABLE`` at the start."""
    worker = WarmWorker(connect(settings), queue_name, first_alone=True)
    _warm_up(settings, queue_name)
    worker.heartbeat_process = HeartbeatProcess(settings, worker.name, queue_name, worker.keep_lease)
    logger.info("worker %s is ready", worker.name)
    try:
        worker.work(logging_level=None)
    finally:
        worker.heartbeat_process.close()


def _warm_up(settings: Settings, queue_name: str) -> None:
    """Load the composer and its network before the first song asks for them."""
    if queue_name != COMPOSE_QUEUE:
        return
    load_performer(settings)
    if settings.performer == DEFAULT_PERFORMER:
        from composer.pipeline import composer_for

        try:
            composer_for(settings.checkpoint)
        except ComposerError:
            # It may be repaired while we run; until then each request is answered with an apology.
            logger.exception("the checkpoint does not work")
