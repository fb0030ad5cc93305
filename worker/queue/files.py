"""Files of a finished song that are rendered on request: stems, MusicXML, WAV and the other formats.

A file is rendered once, by a job of its own on the queue of songs, and stays in the media store with the song.
"""

from __future__ import annotations

import hashlib
import math
from typing import Literal, get_args

from redis.client import Pipeline
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from composer.request import Format
from worker.connection import Queues
from worker.errors import QueueFullError
from worker.queue.names import FILE_JOB, FILE_JOB_PREFIX, SERIALIZER
from worker.queue.submission import enqueue_once
from worker.server_time import server_time
from worker.storage.songs import SongRecord

FileStatus = Literal["done", "queued", "rendering", "failed"]
FORMATS: tuple[Format, ...] = get_args(Format)


def missing_formats(song: SongRecord) -> list[Format]:
    """The formats that ``request_file`` can render."""
    return [each for each in FORMATS if each not in song.rendition.files]


def file_status(queues: Queues, song: SongRecord, kind: Format) -> FileStatus | None:
    """How far the file ``kind`` of ``song`` is; ``None`` if it was never asked for."""
    if kind in song.rendition.files:
        return "done"
    try:
        job = Job.fetch(file_job_id(song.id, kind), connection=queues.connection, serializer=SERIALIZER)
    except NoSuchJobError:
        return None
    status = job.get_status(refresh=False)
    if status in (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.STOPPED):
        return "failed"
    return "rendering" if status == JobStatus.STARTED else "queued"


def request_file(queues: Queues, song: SongRecord, kind: Format) -> None:
    """Queue the rendering of the file ``kind``. Raises ``QueueFullError``."""
    queue, job_id, settings = queues.compose_queue, file_job_id(song.id, kind), queues.settings
    submitted_at = server_time(queues.connection)

    def enqueue(pipe: Pipeline) -> None:
        queue.enqueue_call(
            FILE_JOB, kwargs={"song": song.id, "kind": kind}, job_id=job_id, description=job_id,
            timeout=settings.job_timeout_seconds, result_ttl=settings.result_ttl_seconds,
            failure_ttl=settings.result_ttl_seconds, meta={"submitted_at": submitted_at}, pipeline=pipe,
        )  # fmt: skip

    def full(limit: int) -> QueueFullError:
        return QueueFullError(limit, retry_after_seconds=max(1, math.ceil(queues.eta_seconds(1) / 2)))

    enqueue_once(queue, job_id, enqueue, limit=settings.queue_limit, full=full)


def forget_file(queues: Queues, song: SongRecord, kind: Format) -> None:
    """Forget a failed rendering, so that it can be requested again."""
    try:
        job = Job.fetch(file_job_id(song.id, kind), connection=queues.connection, serializer=SERIALIZER)
    except NoSuchJobError:
        return
    job.delete()


def file_job_id(song_id: str, kind: Format) -> str:
    """The id of the job that renders the file ``kind`` of a song."""
    return FILE_JOB_PREFIX + hashlib.sha256(f"{song_id} {kind}".encode()).hexdigest()[:32]
