"""The job that workers run for a song: from its request to its files in the media store.

A refusal is a returned value. A transient error is raised, and RQ runs the job again. A bug is logged once, here, and
returned as a failure, since another run would only repeat it.
"""

from __future__ import annotations

import errno
import logging
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError
from rq import get_current_job
from rq.job import Job

from composer.errors import CheckpointError, RefusedError
from composer.request import ComposeRequest
from composer.result import Rendition
from midi_data.errors import MidiDataError
from midi_data.song import Song
from worker.connection import TRANSIENT_ERRORS, Queues
from worker.errors import QUEUE_UNAVAILABLE, GaveWayError, UnreadablePayloadError
from worker.house import GAVE_WAY, HouseProgress
from worker.queue.batching import compose_in_batch
from worker.queue.context import CURRENT_QUEUES
from worker.queue.dead_jobs import add_dead_job
from worker.queue.payloads import ComposePayload, Revision
from worker.queue.progress import Progress
from worker.server_time import server_time
from worker.settings import SCRATCH_PREFIX, Settings
from worker.storage.notes import write_notes
from worker.storage.songs import LIKE_FILE, PRIMER_FILE

if TYPE_CHECKING:
    from composer.planning.files.given import GivenSong

logger = logging.getLogger(__name__)

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
DISK_FULL_RETRY_SECONDS = 30
MAX_AGE_SECONDS = 24 * 3600
"""A song waits for space on the disk for at most this long."""

Outcome = dict[str, Any]
Performer = Callable[..., Rendition]


def compose(payload: dict[str, Any] | None = None, order: dict[str, Any] | None = None) -> Outcome:
    """Make a song. Returns ``{"status": "done" | "refused" | "failed", "problem": …}``; raises transient errors.

    ``order`` is the payload's name in jobs that version 0.1.0 enqueued.
    """
    queues, job = CURRENT_QUEUES.get(), cast("Job", get_current_job())
    outcome = _attempt(queues, job, _read_payload(job, payload or order))
    if outcome["status"] != GAVE_WAY:
        queues.stats.count_outcome(outcome["status"])
    return outcome


def load_performer(settings: Settings) -> Performer:
    """The function named by ``settings.performer``. Loads the composer, so only a worker calls this."""
    module, _, name = settings.performer.rpartition(".")
    return cast("Performer", getattr(import_module(module), name))


def _read_payload(job: Job, payload: dict[str, Any] | None) -> ComposePayload:
    """The payload. Raises ``UnreadablePayloadError``, after which the job is not tried again."""
    try:
        return ComposePayload.model_validate(payload)
    except ValidationError as error:
        job.retries_left = 0
        raise UnreadablePayloadError(f"{error.error_count()} fields of the payload cannot be read") from None


def _attempt(queues: Queues, job: Job, payload: ComposePayload) -> Outcome:
    try:
        _perform(queues, job, payload)
    except CheckpointError as error:
        return _failed(queues, job, error, "the configured checkpoint does not work")
    except RefusedError as refusal:
        return {"status": "refused", "problem": str(refusal)}
    except GaveWayError:
        return {"status": GAVE_WAY}
    except TRANSIENT_ERRORS as error:
        _prepare_retry(queues, job, error)
        raise
    except Exception as bug:  # noqa: BLE001  logged, counted and kept in _failed
        return _failed(queues, job, bug, "a bug")
    return {"status": "done"}


def _failed(queues: Queues, job: Job, error: Exception, what: str) -> Outcome:
    queues.stats.count_failure(type(error).__name__)
    logger.error("song %s: %s", job.id, what, exc_info=error)
    add_dead_job(queues, job, f"{type(error).__name__}: {what}")
    return {"status": "failed"}


def _perform(queues: Queues, job: Job, payload: ComposePayload) -> None:
    settings, begun = queues.settings, time.monotonic()
    progress = HouseProgress(job, queues) if payload.house else Progress(job)
    progress("composing", 0.0)  # an earlier attempt may have left a later stage behind
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=SCRATCH_PREFIX, dir=settings.scratch_dir, ignore_cleanup_errors=True
    ) as scratch:
        folder, perform = Path(scratch), load_performer(settings)
        song = compose_in_batch(queues, job, payload, progress)
        payload, inputs = _with_inputs(queues, job.id, payload)
        composed = time.monotonic() - begun if song else 0.0
        rendition = perform(
            payload.request,
            folder,
            payload.formats_with_midi(),
            checkpoint=settings.checkpoint,
            progress=progress,
            **inputs,
            **({"song": song} if song is not None else {}),
        )
        rendition = _with_compose_seconds(rendition, composed)
        write_notes(rendition.files["mid"], folder / "notes.json", rendition.chords)
        queues.songs.write(job.id, payload, rendition, folder / "notes.json")
    for name in (PRIMER_FILE, LIKE_FILE):
        queues.media.remove_file(job.id, name)
    if queues.moderation.is_deleted(job.id):
        queues.songs.delete(job.id)
    _measure(queues, job, rendition, time.monotonic() - begun)


def _with_inputs(queues: Queues, job_id: str, payload: ComposePayload) -> tuple[ComposePayload, dict[str, Any]]:
    """What the performer gets beside the request; the payload asks for the genre that a file to imitate fits best."""
    inputs: dict[str, Any] = {}
    if payload.primer:
        inputs["primer"] = _read_upload(queues, job_id, PRIMER_FILE)
    if payload.revision is not None and payload.revision.needs_notes:
        inputs["given"] = _given_song(queues, payload.revision)
    if payload.like:
        inputs["like"] = _read_upload(queues, job_id, LIKE_FILE)
    if payload.own_genre:
        request = _in_genre_of(inputs["like"], payload.request, queues.settings)
        payload = payload.model_copy(update={"request": request})
    return payload, inputs


def _read_upload(queues: Queues, job_id: str, name: str) -> Song:
    """The uploaded song ``name``. Raises ``RefusedError`` with the reason where it cannot be read."""
    from midi_data.io.midi_file import song_from_bytes

    field = name.removesuffix(".mid")
    try:
        return song_from_bytes(b"".join(queues.media.read(job_id, name)), source=field)
    except MidiDataError as error:
        raise RefusedError(f"{field}: {error}") from None
    except FileNotFoundError:
        raise RefusedError(f"{field}: the uploaded file was deleted") from None


def _in_genre_of(song: Song, request: ComposeRequest, settings: Settings) -> ComposeRequest:
    from composer.pipeline import in_genre_of

    return in_genre_of(song, request, settings.checkpoint)


def _given_song(queues: Queues, revision: Revision) -> GivenSong:
    """The parent's notes. Raises ``RefusedError`` where the parent was deleted meanwhile."""
    from composer.planning.files.given import GivenSong
    from midi_data.io.midi_file import song_from_bytes

    try:
        midi = b"".join(queues.media.read(revision.parent, "song.mid"))
    except FileNotFoundError:
        raise RefusedError(f"/{revision.action} needs the song's notes, and they were deleted.") from None
    return GivenSong(song_from_bytes(midi, source="the song replied to"), revision.replaced)


def _with_compose_seconds(rendition: Rendition, seconds: float) -> Rendition:
    """``rendition`` with the ``seconds`` that composing took before it was performed."""
    timings = rendition.timings_seconds
    timings = timings.model_copy(update={"compose": timings.compose + seconds, "total": timings.total + seconds})
    return rendition.model_copy(update={"timings_seconds": timings})


def _measure(queues: Queues, job: Job, rendition: Rendition, seconds: float) -> None:
    timings = rendition.timings_seconds
    waited = _age_seconds(queues, job) - seconds
    for stage, spent in (
        ("waiting", waited), ("composing", timings.compose), ("audio", timings.audio), ("video", timings.video),
        ("song", seconds),
    ):  # fmt: skip
        queues.stats.add_stage(stage, spent)
    queues.stats.update_mean_seconds(seconds)


def _age_seconds(queues: Queues, job: Job) -> float:
    """Seconds since the job was submitted, by the Redis server's clock."""
    now = server_time(queues.connection)
    return now - float(job.meta.get("submitted_at", now))


def _prepare_retry(queues: Queues, job: Job, error: BaseException) -> None:
    """Count ``error``; a full disk costs the job none of its retries.

    Nothing is counted while the Redis server itself is unavailable: ``error`` matters more.
    """
    try:
        queues.stats.count_failure(type(error).__name__)
        if isinstance(error, OSError) and error.errno in DISK_FULL and _age_seconds(queues, job) < MAX_AGE_SECONDS:
            job.retries_left = (job.retries_left or 0) + 1
            job.retry_intervals = [DISK_FULL_RETRY_SECONDS]
        if not job.retries_left:
            queues.stats.count_outcome("failed")
    except QUEUE_UNAVAILABLE:
        logger.warning("an error was not counted, the Redis server is unavailable: %s", type(error).__name__)
