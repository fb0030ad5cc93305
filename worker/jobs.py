"""The jobs workers run, by name: ``compose`` makes one song, from its request to its files in the media store.

A refusal is a returned value; what may pass is raised, and RQ runs the job again; a bug is logged once, here, and
returned as a failure, since running it again would only repeat it. Does not know who asked.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from rq import get_current_job
from rq.job import Job

from composer.errors import CheckpointError, RefusedError
from composer.result import Rendition
from worker.client import QUEUE_UNAVAILABLE, Queues
from worker.connection import TRANSIENT_ERRORS
from worker.queue.batching import compose_in_batch
from worker.queue.context import CURRENT_QUEUES
from worker.queue.payloads import ComposePayload
from worker.queue.progress import Progress
from worker.settings import Settings
from worker.storage.notes import write_notes

logger = logging.getLogger(__name__)

Outcome = dict[str, Any]
Performer = Callable[..., Rendition]


def compose(order: dict[str, Any]) -> Outcome:
    """Make a song. Returns ``{"status": "done" | "refused" | "failed", "problem": …}``; raises what may pass."""
    queues, job = CURRENT_QUEUES.get(), cast("Job", get_current_job())
    outcome = _attempt(queues, job, ComposePayload.model_validate(order))
    queues.stats.count_outcome(outcome["status"])
    return outcome


def load_performer(settings: Settings) -> Performer:
    """The function named by ``settings.performer``; loads the composer, so only a worker calls this."""
    module, _, name = settings.performer.rpartition(".")
    return cast("Performer", getattr(import_module(module), name))


def _attempt(queues: Queues, job: Job, order: ComposePayload) -> Outcome:
    try:
        _play(queues, job, order)
    except CheckpointError:
        queues.stats.count_failure("CheckpointError")
        logger.exception("song %s: the operator's checkpoint does not work", job.id)
        return {"status": "failed"}
    except RefusedError as refusal:
        return {"status": "refused", "problem": str(refusal)}
    except TRANSIENT_ERRORS as fault:
        _count_quietly(queues, job, fault)
        raise
    except Exception as bug:
        queues.stats.count_failure(type(bug).__name__)
        logger.exception("song %s: a bug", job.id)
        return {"status": "failed"}
    return {"status": "done"}


def _play(queues: Queues, job: Job, order: ComposePayload) -> None:
    settings, begun, progress = queues.settings, time.monotonic(), Progress(job)
    progress("composing", 0.0)  # a first attempt may have left more behind
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.scratch_dir, ignore_cleanup_errors=True) as scratch:
        folder, perform = Path(scratch), load_performer(settings)
        song = compose_in_batch(queues, job, order, progress)
        if song is not None:
            perform = partial(perform, song=song)
        composed = time.monotonic() - begun if song else 0.0
        rendition = perform(
            order.request, folder, order.formats_with_midi(), checkpoint=settings.checkpoint, progress=progress
        )
        rendition = _after(composed, rendition)
        write_notes(rendition.files["mid"], folder / "notes.json")
        queues.songs.write(job.id, order, rendition, folder / "notes.json")
    _measure(queues, job, rendition, time.monotonic() - begun)


def _after(seconds: float, rendition: Rendition) -> Rendition:
    """``rendition``, which was composed in ``seconds`` before it was performed."""
    told = rendition.timings_seconds
    timings = told.model_copy(update={"compose": told.compose + seconds, "total": told.total + seconds})
    return rendition.model_copy(update={"timings_seconds": timings})


def _measure(queues: Queues, job: Job, rendition: Rendition, seconds: float) -> None:
    waited = (_aware(job.started_at) - _aware(job.enqueued_at)).total_seconds()
    timings = rendition.timings_seconds
    for stage, spent in (
        ("waiting", waited), ("composing", timings.compose), ("audio", timings.audio), ("video", timings.video),
        ("song", seconds),
    ):  # fmt: skip
        queues.stats.add_stage(stage, spent)
    queues.stats.update_mean_seconds(seconds)


def _aware(moment: datetime | None) -> datetime:
    """RQ's times are UTC, with or without saying so."""
    moment = moment or datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count_quietly(queues: Queues, job: Job, fault: BaseException) -> None:
    """Count ``fault`` unless the counter's own server is what is gone: the fault itself matters more."""
    try:
        queues.stats.count_failure(type(fault).__name__)
        if not job.retries_left:
            queues.stats.count_outcome("failed")
    except QUEUE_UNAVAILABLE:
        logger.warning("a fault could not be counted, the server is gone: %s", type(fault).__name__)
