"""The state of a submitted request, from the queue or, for a finished song, from the song store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from composer.request import ComposeRequest
from worker.connection import Queues
from worker.queue.batching import payload_of
from worker.queue.names import COMPOSE_QUEUE, FILE_JOB_PREFIX, SERIALIZER
from worker.queue.payloads import Revision
from worker.storage.media import JOB_ID
from worker.storage.songs import SongRecord

Status = Literal["queued", "composing", "rendering", "done", "refused", "failed"]
STAGE_SPANS: Mapping[str, tuple[float, float]] = {"composing": (0.0, 0.5), "rendering": (0.5, 1.0)}
"""The part of the progress bar that each stage fills."""
WAITING_STATUSES = {JobStatus.CREATED, JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED}
APOLOGY = "the band broke a string: this song could not be finished, and it is not your fault"


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a request. ``progress`` 0–1 over all stages; ``position`` 0 once the song is being composed."""

    job_id: str
    status: Status
    progress: float = 0.0
    position: int = 0
    eta_seconds: int = 0
    text: str = ""
    request: ComposeRequest | None = None
    notices: tuple[str, ...] = ()
    song: SongRecord | None = None
    revision: Revision | None = None
    house: bool = False
    problem: str | None = None
    """One sentence: why it was refused, or an apology."""


def fetch_state(queues: Queues, job_id: str) -> JobState | None:
    """The state of ``job_id``; ``None`` if nothing is known of it, or no longer."""
    if not JOB_ID.fullmatch(job_id) or job_id.startswith(FILE_JOB_PREFIX):
        return None
    try:
        job = Job.fetch(job_id, connection=queues.connection, serializer=SERIALIZER)
    except NoSuchJobError:
        song = queues.songs.find(job_id)
        return None if song is None else state_of_song(song)
    return _state(queues, job) if job.origin == COMPOSE_QUEUE else None


def _state(queues: Queues, job: Job) -> JobState:
    status = job.get_status(refresh=False)
    if status == JobStatus.FINISHED:
        return _finished(queues, job)
    if status in WAITING_STATUSES:
        position = max(1, queues.position(job.id))
        return _unfinished(job, "queued", position=position, eta_seconds=queues.eta_seconds(position))
    if status == JobStatus.STARTED:
        return _started(job)
    return _unfinished(job, "failed", progress=1.0, problem=APOLOGY)


def _finished(queues: Queues, job: Job) -> JobState:
    outcome = cast("dict[str, Any]", job.return_value() or {})
    song = queues.songs.find(job.id) if outcome.get("status") == "done" else None
    if song is not None:
        return state_of_song(song)
    if outcome.get("status") == "refused":
        return _unfinished(job, "refused", progress=1.0, problem=str(outcome["problem"]))
    return _unfinished(job, "failed", progress=1.0, problem=APOLOGY)


def _started(job: Job) -> JobState:
    stage = job.meta.get("stage", "composing")
    begin, end = STAGE_SPANS[stage]
    progress = begin + (end - begin) * float(job.meta.get("fraction", 0.0))
    return _unfinished(job, cast("Status", stage), progress=round(progress, 3))


def _unfinished(job: Job, status: Status, **fields: Any) -> JobState:
    payload = payload_of(job)
    if payload is None:  # of another version: the state is known, the request is not
        return JobState(job.id, status, **fields)
    return JobState(
        job.id, status, text=payload.text, request=payload.request, notices=payload.notices,
        revision=payload.revision, house=payload.house, **fields,
    )  # fmt: skip


def state_of_song(song: SongRecord) -> JobState:
    """The state of a finished song."""
    return JobState(
        song.id, "done", progress=1.0, text=song.text, request=song.request, notices=tuple(song.rendition.notices),
        song=song, revision=song.revision, house=song.house,
    )  # fmt: skip
