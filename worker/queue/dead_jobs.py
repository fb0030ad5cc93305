"""Jobs that failed for good, as dead letters: ``riffbird queue failed`` lists them, ``requeue`` runs them once more."""

from __future__ import annotations

import logging
from typing import Any

from rq.exceptions import DeserializationError
from rq.job import Job

from worker.connection import Queues
from worker.queue.dead_letters import DeadLetter, DeadLetters
from worker.queue.known_job import KnownJob
from worker.queue.names import COMPOSE_QUEUE, JOB_FUNCTIONS, TRAIN_QUEUE

logger = logging.getLogger(__name__)

LIST = "jobs"


def add_dead_job(queues: Queues, job: Job, error: str) -> None:
    """Keep ``job`` for an operator, with the one-line ``error``."""
    try:
        function, arguments = job.func_name, job.kwargs
    except DeserializationError:
        function, arguments = "", {}
    item = {"job_id": job.id, "queue": job.origin, "function": function, "arguments": arguments}
    DeadLetters(queues.connection, LIST).add(str(function).rpartition(".")[2] or "unreadable", item, error)


def requeue_dead_jobs(queues: Queues) -> None:
    """Enqueue the jobs that an operator has asked for."""
    for letter in DeadLetters(queues.connection, LIST).take_requeued():
        item = letter.item or {}
        if item.get("function") in JOB_FUNCTIONS and item.get("queue") in (COMPOSE_QUEUE, TRAIN_QUEUE):
            _enqueue(queues, item)
        else:
            logger.error("job %s cannot run: it names no function of this service", item.get("job_id"))
            _keep(queues, letter)


def _enqueue(queues: Queues, item: dict[str, Any]) -> None:
    settings = queues.settings
    trains = item["queue"] == TRAIN_QUEUE
    queue = queues.queue(item["queue"])
    queues.connection.delete(KnownJob.key_for(item["job_id"]))
    queue.enqueue_call(
        item["function"],
        kwargs=item["arguments"],
        job_id=item["job_id"],
        description=item["job_id"],
        timeout=settings.train_timeout_seconds if trains else settings.job_timeout_seconds,
        result_ttl=settings.result_ttl_seconds,
        failure_ttl=settings.result_ttl_seconds,
    )


def _keep(queues: Queues, letter: DeadLetter) -> None:
    DeadLetters(queues.connection, LIST).add(letter.kind, letter.item or {}, letter.error)
