"""A training as a job: submit it, fetch its state, cancel it. Its curve is kept in the job's meta.

Importable without torch: the job is named by string, so its code is not loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, cast

from redis.client import Pipeline
from rq import Retry
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from worker.connection import Queues
from worker.errors import QueueFullError
from worker.queue.names import SERIALIZER, TRAIN_JOB, TRAIN_QUEUE
from worker.queue.payloads import TrainPayload
from worker.queue.state import WAITING_STATUSES
from worker.queue.submission import Submission, enqueue_once
from worker.storage.media import JOB_ID

CHECKPOINT_FILE = "checkpoint.safetensors"
DONE_FILE = "done.json"
"""Written after the checkpoint: where it exists, the checkpoint is complete."""
ATTEMPTS = 20
"""Each restart of its worker is an attempt, and a long training sees many."""
FULL_RETRY_SECONDS = 600
TRAINING_APOLOGY = "the training broke off, and it is not your fault"

TrainingStatus = Literal["queued", "preparing", "training", "done", "refused", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The state of a training. ``progress`` 0-1; losses in nats a note; ``position`` 0 once it has begun."""

    job_id: str
    status: TrainingStatus
    genre: str
    progress: float = 0.0
    position: int = 0
    update: int = 0
    updates: int = 0
    """In total; an estimate for a training by minutes."""
    nll: float | None = None
    """Running mean on the training pieces."""
    valid: dict[str, float] = field(default_factory=dict)
    """On held-out pieces at the latest validation, by genre."""
    best: float | None = None
    seconds_left: float | None = None
    curve: tuple[dict[str, float | None], ...] = ()
    """``update``, ``nll`` and, where it was validated, ``valid`` (the mean over genres); oldest first."""
    problem: str | None = None


def submit_training(queues: Queues, payload: TrainPayload, *, job_id: str) -> Submission:
    """Submit ``payload`` once: the same ``job_id`` again returns the first submission with ``created=False``.

    Raises ``QueueFullError``, ``JobIdError``, or one of ``QUEUE_UNAVAILABLE``.
    """
    queue = queues.queue(TRAIN_QUEUE)
    ttl = queues.settings.media_ttl_seconds

    def enqueue(pipe: Pipeline) -> None:
        queue.enqueue_call(
            TRAIN_JOB,
            kwargs={"payload": payload.model_dump(mode="json", exclude_defaults=True)},
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
    """Raise ``QueueFullError`` where ``submit_training`` would; called before an upload."""
    if queues.depth(TRAIN_QUEUE) >= queues.settings.train_queue_limit:
        raise _full(queues.settings.train_queue_limit)


def fetch_training_state(queues: Queues, job_id: str) -> TrainingState | None:
    """The state of training ``job_id``; ``None`` if nothing is known of it, or no longer."""
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
        genre=str(_arguments(job).get("genre", "")),
        position=max(1, queues.position(job_id, TRAIN_QUEUE)) if status == "queued" else 0,
        curve=tuple(job.meta.get("curve", ())),
        problem=problem,
        **figures,
    )


def cancel_training(queues: Queues, job_id: str) -> TrainingState | None:
    """Ask training ``job_id`` to end: at once if it waits, else within about a second. A finished one is unchanged."""
    state, job = fetch_training_state(queues, job_id), _fetch(queues, job_id)
    if state is None or job is None or state.status not in {"queued", "preparing", "training"}:
        return state
    ttl = queues.settings.media_ttl_seconds
    # The mark first: every worker that takes the job from now on finds it.
    queues.connection.set(_cancel_key(job_id), 1, ex=ttl)
    if job.get_status() in WAITING_STATUSES:
        job.cancel()
        queues.connection.expire(job.key, ttl)
        queues.stats.count_training("cancelled")
        delete_upload(queues, job_id, _arguments(job).get("upload"))
    return fetch_training_state(queues, job_id)


def is_cancelled(queues: Queues, job_id: str) -> bool:
    """Whether ``job_id`` was asked to end."""
    return bool(queues.connection.exists(_cancel_key(job_id)))


def delete_upload(queues: Queues, job_id: str, name: str | None) -> None:
    """Delete the uploaded archive ``name`` of a training that has ended."""
    if name is not None:
        queues.media.remove_file(job_id, name)


def _arguments(job: Job) -> dict[str, Any]:
    """The payload as it was enqueued; version 0.1.0 named it ``order``."""
    return cast("dict[str, Any]", job.kwargs.get("payload") or job.kwargs.get("order") or {})


def _fetch(queues: Queues, job_id: str) -> Job | None:
    if not JOB_ID.fullmatch(job_id):
        return None
    try:
        job = Job.fetch(job_id, connection=queues.connection, serializer=SERIALIZER)
    except NoSuchJobError:
        return None
    return job if job.origin == TRAIN_QUEUE else None


def _status(queues: Queues, job: Job) -> tuple[TrainingStatus, str | None]:
    """The status and, for a training that went wrong, one sentence why."""
    status = job.get_status(refresh=False)
    if status == JobStatus.FINISHED:
        outcome = cast("dict[str, Any]", job.return_value() or {"status": "failed"})
        apology = TRAINING_APOLOGY if outcome["status"] == "failed" else None
        return outcome["status"], outcome.get("problem", apology)
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
