"""A training as a job: handing it in, looking up how it goes, cancelling it. Its curve lives in the job's meta.

Importable without torch; the job is named by string, so nothing of it is loaded. Does not know who asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, cast

from redis.client import Pipeline
from rq import Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from worker.connection import SERIALIZER, TRAIN_QUEUE, Queues
from worker.errors import QueueFullError
from worker.queue.payloads import TrainPayload
from worker.queue.state import WAITING_STATUSES
from worker.queue.submission import Submission, enqueue_once
from worker.storage.media import JOB_ID

TRAIN_JOB = "worker.training.job.train"
CHECKPOINT_FILE = "checkpoint.safetensors"
DONE_FILE = "done.json"
"""Written after the checkpoint: whoever finds it finds a whole checkpoint."""
ATTEMPTS = 20
"""Each restart of its worker is an attempt, and a long training sees many."""
FULL_RETRY_SECONDS = 600
TRAINING_APOLOGY = "the training broke off, and it is not your fault"

TrainingStatus = Literal["queued", "preparing", "training", "done", "refused", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class TrainingState:
    """How a training goes. ``progress`` 0-1; figures in nats a note; ``position`` 0 once it has begun."""

    job_id: str
    status: TrainingStatus
    genre: str
    progress: float = 0.0
    position: int = 0
    update: int = 0
    updates: int = 0
    """In all; with a training by minutes an estimate."""
    nll: float | None = None
    """On what it trains on, a running mean."""
    valid: dict[str, float] = field(default_factory=dict)
    """On held-out pieces, at the latest validation, by genre."""
    best: float | None = None
    seconds_left: float | None = None
    curve: tuple[dict[str, float | None], ...] = ()
    """``update``, ``nll`` and, where it was validated, ``valid`` (the mean over genres); oldest first."""
    problem: str | None = None


def submit_training(queues: Queues, order: TrainPayload, *, job_id: str) -> Submission:
    """Hand in ``order`` once: the same ``job_id`` again returns the first submission, ``created=False``.

    Raises ``QueueFullError``, ``JobIdError``, or one of ``QUEUE_UNAVAILABLE``.
    """
    queue = queues.queue(TRAIN_QUEUE)
    ttl = queues.settings.media_ttl_seconds

    def enqueue(pipe: Pipeline) -> None:
        queue.enqueue_call(
            TRAIN_JOB,
            kwargs={"order": order.model_dump(mode="json")},
            job_id=job_id,
            description=job_id,
            timeout=queues.settings.train_timeout_seconds,
            result_ttl=ttl,
            failure_ttl=ttl,
            retry=Retry(max=ATTEMPTS, interval=1, enqueue_at_front=True),
            pipeline=pipe,
        )

    waiting = enqueue_once(queue, job_id, enqueue, limit=queues.settings.train_queue_limit, full=_full)
    if waiting is None:
        return Submission(job_id, queues.position(job_id, TRAIN_QUEUE), 0, created=False)
    return Submission(job_id, waiting + 1, 0, created=True)


def check_capacity(queues: Queues) -> None:
    """Raise ``QueueFullError`` where ``submit_training`` would: worth asking before an upload."""
    if queues.depth(TRAIN_QUEUE) >= queues.settings.train_queue_limit:
        raise _full(queues.settings.train_queue_limit)


def fetch_training_state(queues: Queues, job_id: str) -> TrainingState | None:
    """How training ``job_id`` goes; ``None`` if nothing is known of it (any more)."""
    job = _fetch(queues, job_id)
    if job is None:
        return None
    status, problem = _status(queues, job)
    figures = {name: value for name, value in job.meta.get("figures", {}).items() if value is not None}
    if status == "done":
        figures |= {"progress": 1.0}
    return TrainingState(
        job_id,
        status,
        genre=job.kwargs["order"]["genre"],
        position=max(1, queues.position(job_id, TRAIN_QUEUE)) if status == "queued" else 0,
        curve=tuple(job.meta.get("curve", ())),
        problem=problem,
        **figures,
    )


def cancel_training(queues: Queues, job_id: str) -> TrainingState | None:
    """Ask that ``job_id`` ends: at once if it waits, else within a second or so. A settled one stays as it is."""
    state, job = fetch_training_state(queues, job_id), _fetch(queues, job_id)
    if state is None or job is None or state.status not in {"queued", "preparing", "training"}:
        return state
    ttl = queues.settings.media_ttl_seconds
    # The mark first: whichever worker takes the job from now on, finds it.
    queues.connection.set(_cancel_key(job_id), 1, ex=ttl)
    if job.get_status() in WAITING_STATUSES:
        job.cancel()
        queues.connection.expire(job.key, ttl)
        queues.stats.count_training("cancelled")
        delete_upload(queues, job_id, TrainPayload.model_validate(job.kwargs["order"]))
    return fetch_training_state(queues, job_id)


def is_cancelled(queues: Queues, job_id: str) -> bool:
    """Whether somebody asked that ``job_id`` ends."""
    return bool(queues.connection.exists(_cancel_key(job_id)))


def delete_upload(queues: Queues, job_id: str, order: TrainPayload) -> None:
    """Delete the uploaded archive of a training that needs it no more."""
    if order.upload is not None:
        queues.media.remove_file(job_id, order.upload)


def _fetch(queues: Queues, job_id: str) -> Job | None:
    if not JOB_ID.fullmatch(job_id):
        return None
    try:
        job = Job.fetch(job_id, connection=queues.connection, serializer=SERIALIZER)
    except NoSuchJobError:
        return None
    return job if job.origin == TRAIN_QUEUE else None


def _status(queues: Queues, job: Job) -> tuple[TrainingStatus, str | None]:
    """The status and, for one that went wrong, the sentence why."""
    status = job.get_status(refresh=False)
    if status == JobStatus.FINISHED:
        outcome = cast("dict[str, Any]", job.return_value() or {"status": "failed"})
        told = TRAINING_APOLOGY if outcome["status"] == "failed" else None
        return outcome["status"], outcome.get("problem", told)
    if status == JobStatus.CANCELED:
        return "cancelled", None
    if status in WAITING_STATUSES:
        return ("cancelled" if is_cancelled(queues, job.id) else "queued"), None
    if status == JobStatus.STARTED:
        return job.meta.get("stage", "preparing"), None
    return "failed", TRAINING_APOLOGY


def _full(limit: int) -> QueueFullError:
    return QueueFullError(limit, FULL_RETRY_SECONDS, "trainings")


def _cancel_key(job_id: str) -> str:
    return f"riffbird:cancel:{job_id}"
