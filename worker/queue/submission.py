"""Submitting a request: once, within the queue's limit.

Jobs are named by string, so their code is not loaded here.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redis import WatchError
from redis.client import Pipeline
from rq import Queue, Retry
from rq.job import Job

from composer.request import ComposeRequest, Format
from worker.connection import Queues
from worker.errors import JobIdError, QueueFullError
from worker.queue.names import COMPOSE_JOB
from worker.queue.payloads import ComposePayload, Revision
from worker.server_time import server_time
from worker.settings import Settings
from worker.storage.media import JOB_ID
from worker.storage.songs import LIKE_FILE, PRIMER_FILE


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to a request. ``position`` 1 is next; ``created`` is false where this id was submitted before."""

    job_id: str
    position: int
    eta_seconds: int
    created: bool


def submit(
    queues: Queues,
    request: ComposeRequest,
    *,
    job_id: str,
    formats: Sequence[Format],
    text: str = "",
    notices: Sequence[str] = (),
    listed: bool = False,
    primer: bytes = b"",
    revision: Revision | None = None,
    house: bool = False,
    like: bytes = b"",
    own_genre: bool = False,
) -> Submission:
    """Submit ``request`` once: the same ``job_id`` again returns the first submission with ``created=False``.

    ``text`` is the request as it was written; ``notices`` were given to its asker; ``listed`` songs appear on the
    public timeline; ``primer`` holds the bytes of a MIDI file to continue, ``like`` of one to imitate, with
    ``own_genre`` in the genre that it fits best; ``revision``: the song it is made from; ``house`` songs are asked for
    by the service itself. Raises ``QueueFullError``, ``JobIdError``, or one of ``QUEUE_UNAVAILABLE``.
    """
    payload = ComposePayload(
        request=_with_seed(request, job_id),
        formats=tuple(formats),
        text=text,
        notices=tuple(notices),
        listed=listed,
        primer=bool(primer),
        revision=revision,
        house=house,
        like=bool(like),
        own_genre=own_genre,
    )
    submitted_at = server_time(queues.connection)

    def enqueue(pipe: Pipeline) -> None:
        _enqueue(queues.settings, queues.compose_queue, pipe, job_id, payload, submitted_at)

    def full(limit: int) -> QueueFullError:
        return QueueFullError(limit, retry_after_seconds=max(1, math.ceil(queues.eta_seconds(1) / 2)))

    if queues.songs.knows(job_id):
        return Submission(job_id, 0, 0, created=False)
    for name, content in ((PRIMER_FILE, primer), (LIKE_FILE, like)):
        if content:
            queues.media.write(job_id, name, content)
    waiting = enqueue_once(queues.compose_queue, job_id, enqueue, limit=queues.settings.queue_limit, full=full)
    if waiting is None:
        return _known_submission(queues, job_id)
    return Submission(job_id, waiting + 1, queues.eta_seconds(waiting + 1), created=True)


def enqueue_once(
    queue: Queue,
    job_id: str,
    enqueue: Callable[[Pipeline], None],
    *,
    limit: int,
    full: Callable[[int], QueueFullError],
) -> int | None:
    """Let ``enqueue`` put job ``job_id`` on ``queue``, in one transaction and once.

    Returns how many jobs wait before it, or ``None`` where this id was submitted already. Raises ``full(limit)`` when
    ``limit`` jobs wait, or ``JobIdError``.
    """
    if not JOB_ID.fullmatch(job_id):
        raise JobIdError(job_id)
    with queue.connection.pipeline() as pipe:
        while True:
            try:
                pipe.watch(queue.key, Job.key_for(job_id))  # type: ignore[no-untyped-call]
                waiting: int = pipe.llen(queue.key)
                if pipe.exists(Job.key_for(job_id)):
                    return None
                if waiting >= limit:
                    raise full(limit)
                pipe.multi()
                enqueue(pipe)
                pipe.execute()
            except WatchError:  # another process added or took a job meanwhile
                continue
            return waiting


def _known_submission(queues: Queues, job_id: str) -> Submission:
    position = queues.position(job_id)
    return Submission(job_id, position, queues.eta_seconds(position), created=False)


def _enqueue(
    settings: Settings, queue: Queue, pipe: Pipeline, job_id: str, payload: ComposePayload, submitted_at: float
) -> Job:
    delays = list(settings.retry_delays_seconds)
    return queue.enqueue_call(
        COMPOSE_JOB,
        kwargs={"payload": payload.model_dump(mode="json", exclude_defaults=True)},
        job_id=job_id,
        description=job_id,  # RQ would log the arguments otherwise, and they are a person's words
        timeout=settings.job_timeout_seconds,
        result_ttl=settings.result_ttl_seconds,
        failure_ttl=settings.result_ttl_seconds,
        retry=Retry(max=len(delays), interval=delays, enqueue_at_front=True) if delays else None,
        meta={"submitted_at": submitted_at},
        pipeline=pipe,
    )


def _with_seed(request: ComposeRequest, job_id: str) -> ComposeRequest:
    """``request`` with a seed, so that a song made again after its worker died is the same song.

    32 bits: short enough to be typed, and exact as a JavaScript number.
    """
    if request.seed is not None:
        return request
    return request.model_copy(update={"seed": int(hashlib.sha256(job_id.encode()).hexdigest()[:8], 16)})
