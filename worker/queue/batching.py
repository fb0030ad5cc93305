"""Takes a song from the composing process of its worker, or composes it together with songs that wait behind it.

A batch takes less time than its songs one by one (``composer.decoding.generate``), and each song is the same. No job is
claimed: the other songs' MIDI is kept in Redis for the workers that take their jobs. A song that is not found there is
composed when its job is taken, so a worker that dies costs time only.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError
from rq.exceptions import DeserializationError
from rq.job import Job

from composer.errors import CheckpointError, RefusedError
from midi_data.errors import MidiDataError
from midi_data.song import Song
from worker.connection import TRANSIENT_ERRORS, Queues
from worker.queue.names import COMPOSE_QUEUE, SERIALIZER
from worker.queue.payloads import ComposePayload
from worker.settings import DEFAULT_PERFORMER
from worker.storage.stats import COMPOSERS

if TYPE_CHECKING:
    from composer.pipeline import OnStage

logger = logging.getLogger(__name__)

KEY = "riffbird:composed:"
IN_PROGRESS = b""
"""Value of a song's key while a worker composes it; no other worker begins it."""
COMPOSED_ELSEWHERE = b"!"
"""Value of a song's key that the process which renders it has to compose."""
IN_PROGRESS_SECONDS, KEPT_SECONDS = 60, 3600
POLL_SECONDS, UNMARKED_SECONDS = 0.05, 2.0
"""Between two looks at a song's key, and the wait for a composing process to begin it."""


def compose_in_batch(queues: Queues, job: Job, payload: ComposePayload, progress: OnStage) -> Song | None:
    """The song of ``job``, from an earlier batch or from one composed now; ``None`` where it is to be composed alone.

    Raises transient errors (a lost server, a timeout).
    """
    settings, is_beside = queues.settings, bool(queues.stats.worker_count(COMPOSERS))
    if settings.performer != DEFAULT_PERFORMER or payload.is_composed_alone:
        return None
    prefix = key_prefix(payload, settings.checkpoint)
    if not prefix:
        return None
    if is_beside:
        return _composed_beside(queues, prefix + job.id)
    if settings.compose_batch_size < 2:
        return None
    kept = _read_song(queues.connection.getdel(prefix + job.id))
    if kept is not None:
        return kept
    others = _reserve(queues, prefix)
    return _compose(queues, payload, others, progress) if others else None


def _composed_beside(queues: Queues, key: str) -> Song | None:
    """The song at ``key`` once the composing process has composed it; ``None`` where it will not."""
    connection, unmarked_until = queues.connection, time.monotonic() + UNMARKED_SECONDS
    while queues.stats.worker_count(COMPOSERS):
        value = cast("bytes | None", connection.get(key))
        if value is None and time.monotonic() > unmarked_until:
            connection.set(key, COMPOSED_ELSEWHERE, nx=True, ex=KEPT_SECONDS)
        elif value not in (None, IN_PROGRESS):
            # The key stays, so that the song is not composed again while it is rendered.
            return _read_song(connection.set(key, COMPOSED_ELSEWHERE, get=True, ex=KEPT_SECONDS))
        time.sleep(POLL_SECONDS)
    return _read_song(connection.getdel(key))


def _read_song(midi: object) -> Song | None:
    """The song that was kept as ``midi``; ``None`` where there is none."""
    if not isinstance(midi, bytes) or midi in (IN_PROGRESS, COMPOSED_ELSEWHERE):
        return None
    from midi_data.io.midi_file import song_from_bytes

    try:
        return song_from_bytes(midi, source="a song of an earlier batch")
    except MidiDataError as error:
        logger.warning("a song of an earlier batch cannot be read and is composed again: %s", error)
        return None


def _reserve(queues: Queues, prefix: str) -> dict[str, ComposePayload]:
    """Mark waiting songs of the same network as in progress; their payloads by key.

    Takes this worker's share of the queue, behind the songs that the other workers take next.
    """
    workers = max(queues.stats.worker_count(), 1)
    count = min(queues.depth(COMPOSE_QUEUE) // workers, queues.settings.compose_batch_size - 1)
    if not count:
        return {}
    waiting = queues.compose_queue.get_job_ids(workers - 1, count)
    jobs = Job.fetch_many(waiting, connection=queues.connection, serializer=SERIALIZER)
    payloads = {prefix + job.id: payload_of(job) for job in jobs if job is not None}
    return {
        key: payload
        for key, payload in payloads.items()
        if payload is not None
        and not payload.is_composed_alone
        and key_prefix(payload, queues.settings.checkpoint) == prefix
        and queues.connection.set(key, IN_PROGRESS, nx=True, ex=IN_PROGRESS_SECONDS)
    }


def payload_of(job: Job) -> ComposePayload | None:
    """The payload of a compose job; ``None`` where it cannot be read."""
    try:
        return ComposePayload.model_validate(job.kwargs.get("payload", job.kwargs.get("order")))
    except (DeserializationError, ValidationError):
        return None


def key_prefix(payload: ComposePayload, checkpoint: Path | None) -> str:
    """Prefix of the keys of songs by the network that plays ``payload``; empty if there is no such network."""
    from composer.pipeline import checkpoint_digest

    try:
        return KEY + checkpoint_digest(payload.request, checkpoint) + ":"
    except (RefusedError, CheckpointError, OSError):
        return ""


def _compose(
    queues: Queues, payload: ComposePayload, others: dict[str, ComposePayload], progress: OnStage
) -> Song | None:
    """Compose ``payload`` and ``others``, keep the others' songs and return the song of ``payload``."""
    from composer.pipeline import compose_songs
    from midi_data.io.midi_writer import midi_bytes

    requests = [payload.request, *(each.request for each in others.values())]
    try:
        song, *songs = compose_songs(requests, checkpoint=queues.settings.checkpoint, progress=progress)
    except TRANSIENT_ERRORS:
        raise
    except RefusedError:  # holds a person's words, which are not logged; raised again when its job is performed
        return None
    except Exception:
        # Whichever of them it is, it shows when that one is composed alone.
        logger.warning("a batch of songs could not be composed; each is composed alone", exc_info=True)
        return None
    for key, other in zip(others, songs, strict=True):
        # xx: only while it is still marked; a worker that took the job meanwhile composes it itself.
        queues.connection.set(key, midi_bytes(other), xx=True, ex=KEPT_SECONDS)
    return song
