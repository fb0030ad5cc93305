"""One warm worker process: loads the network once, then makes song after song in the process itself.

No fork for each song, as RQ's usual worker does: the network stays loaded, and CUDA does not survive a fork. What the
forking parent did, heartbeats and cleaning up, a companion process does. Does not know what a song is.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import uuid

from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.utils import now

from composer.errors import ComposerError
from worker.client import COMPOSE_QUEUE, SERIALIZER, TRAIN_QUEUE, Queues, connect
from worker.heartbeat import HeartbeatProcess
from worker.jobs import load_performer
from worker.queue.context import CURRENT_QUEUES
from worker.settings import DEFAULT_PERFORMER, Settings

logger = logging.getLogger(__name__)

WORKER_TTL_SECONDS = 30
"""RQ waits this less 15 s for a job before it looks around; a lost server shows no later."""


class WarmWorker(SimpleWorker):
    """An in-process worker that tells its companion the job in hand, and hands it back when it may not finish it."""

    def __init__(self, queues: Queues, queue_name: str = COMPOSE_QUEUE) -> None:
        # One queue only: RQ then moves jobs atomically instead of popping them, so none is lost in between.
        super().__init__(
            [queues.queue(queue_name)],
            name=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}",
            connection=queues.connection,
            serializer=SERIALIZER,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
        )
        self.queues_of_service = queues
        self.heartbeat_process: HeartbeatProcess | None = None

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run ``job`` here, with the context jobs look for."""
        context = CURRENT_QUEUES.set(self.queues_of_service)
        try:
            super().execute_job(job, queue)
        finally:
            CURRENT_QUEUES.reset(context)
            self._tell(None, None)

    def prepare_execution(self, job: Job) -> Execution:
        """Register that the job is begun, and have its heart beat."""
        execution = super().prepare_execution(job)
        self._tell(job, execution)
        return execution

    def _tell(self, job: Job | None, execution: Execution | None) -> None:
        if self.heartbeat_process is not None:
            self.heartbeat_process.tell(job, execution)

    def get_heartbeat_ttl(self, job: Job) -> int:  # noqa: ARG002  RQ's signature
        """Seconds without a heartbeat after which a job counts as abandoned."""
        return self.queues_of_service.settings.heartbeat_ttl_seconds

    def clean_registries(self) -> None:
        """Left to the janitor: two cleaners at once would enqueue an abandoned job twice."""
        self.last_cleaned_at = now()  # type: ignore[assignment]

    def handle_warm_shutdown_request(self) -> None:
        """Asked to stop: after the grace a second signal hands the song in hand back to the queue."""
        logger.info("asked to stop; a song in hand may be finished first")
        # A training would not be finished in any grace, and goes on later from its last snapshot.
        trains = self.queue_names() == [TRAIN_QUEUE]
        grace = 0.0 if trains else self.queues_of_service.settings.stop_grace_seconds
        # RQ takes a second signal within a second of the first for an echo of it.
        timer = threading.Timer(max(grace, 1.1), os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()


def run_worker(settings: Settings, queue_name: str = COMPOSE_QUEUE) -> None:
    """Work until told to stop (SIGTERM, SIGINT). Raises what the server's absence at the start raises."""
    worker = WarmWorker(connect(settings), queue_name)
    _warm_up(settings, queue_name)
    worker.heartbeat_process = HeartbeatProcess(settings, worker.name, queue_name)
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
            # It may be mended while we run; until then each request is answered with an apology.
            logger.exception("the checkpoint does not work")
