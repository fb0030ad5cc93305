"""The job of the ``train`` queue: from an archive of MIDI to a checkpoint in the media store.

The training is a program of its own, named in the settings: its memory is freed when it ends, it can be ended at any
moment, and its code is not loaded here. It works in a folder of the data folder, so the next attempt after a killed
worker continues from the last snapshot.
"""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from pydantic import ValidationError
from rq import get_current_job
from rq.job import Job
from rq.timeouts import JobTimeoutException

from midi_data.process import plain_environment, with_parent_death_signal
from worker.connection import TRANSIENT_ERRORS, Queues
from worker.errors import QUEUE_UNAVAILABLE, TrainerLostError, UnreadablePayloadError
from worker.queue.context import CURRENT_QUEUES
from worker.queue.payloads import TrainPayload
from worker.settings import Settings
from worker.training.client import CHECKPOINT_FILE, DONE_FILE, delete_upload, is_cancelled
from worker.training.progress import TrainingProgress

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""Between two checks for cancellation while the program reports nothing."""
END_SECONDS = 10.0
LOG_TAIL = 2000
GENRES_VARIABLE = "RIFFBIRD_GENRES_DIR"
"""The one setting that a training's program reads: where it adds a new genre."""

Outcome = dict[str, Any]


def train(payload: dict[str, Any] | None = None, order: dict[str, Any] | None = None) -> Outcome:
    """Train. Returns ``{"status": "done" | "refused" | "failed" | "cancelled", …}``; raises transient errors.

    ``order`` is the payload's name in jobs that version 0.1.0 enqueued.
    """
    queues, job = CURRENT_QUEUES.get(), cast("Job", get_current_job())
    wanted = _read_payload(job, payload or order)
    outcome = _attempt(queues, job, wanted)
    delete_upload(queues, job.id, wanted.upload)
    shutil.rmtree(_folder(queues, job), ignore_errors=True)
    queues.stats.count_training(outcome["status"])
    return outcome


def _read_payload(job: Job, payload: dict[str, Any] | None) -> TrainPayload:
    """The payload. Raises ``UnreadablePayloadError``, after which the job is not tried again."""
    try:
        return TrainPayload.model_validate(payload)
    except ValidationError as error:
        job.retries_left = 0
        raise UnreadablePayloadError(f"{error.error_count()} fields of the payload cannot be read") from None


def _attempt(queues: Queues, job: Job, payload: TrainPayload) -> Outcome:
    try:
        # An attempt that counted as lost may have finished after all.
        if queues.media.size(job.id, DONE_FILE) is not None:
            return {"status": "done"}
        return _run(queues, job, payload)
    except JobTimeoutException:
        hours = queues.settings.train_timeout_seconds / 3600
        return {"status": "failed", "problem": f"a training may take {hours:g} hours here, and this one took longer"}
    except TRANSIENT_ERRORS as error:
        _count_failure(queues, error, final=not job.retries_left)
        raise
    except Exception as bug:
        _count_failure(queues, bug)
        logger.exception("training %s: a bug", job.id)
        return {"status": "failed"}


def _run(queues: Queues, job: Job, payload: TrainPayload) -> Outcome:
    progress, folder = TrainingProgress(job), _folder(queues, job)
    progress.set_stage("preparing")
    if is_cancelled(queues, job.id):
        return {"status": "cancelled"}
    _write_task(queues, job, payload, folder)
    with _program(queues.settings, folder) as process:
        last: dict[str, Any] = {}
        for message in _messages(cast("IO[bytes]", process.stdout)):
            if _is_cancelled(queues, job):
                return {"status": "cancelled"}
            if message is not None:
                last = message
                if message["status"] == "training":
                    progress.report(message)
        with suppress(subprocess.TimeoutExpired):  # it has reported its end and only cleans up
            process.wait(END_SECONDS)
    progress.write()
    return _ending(queues, job, folder, process.returncode, last)


def _write_task(queues: Queues, job: Job, payload: TrainPayload, folder: Path) -> None:
    """Write the program's task into ``folder`` and fetch the uploaded archive."""
    settings, midi = queues.settings, payload.midi
    folder.mkdir(parents=True, exist_ok=True)
    if payload.upload is not None:
        # In a folder of its own, so that no file beside it is taken for its manifest.
        (folder / "upload").mkdir(exist_ok=True)
        midi = folder / "upload" / payload.upload
        if not midi.exists():
            arriving = queues.media.fetch(job.id, payload.upload, folder)
            arriving.replace(midi)
    task = payload.model_dump(mode="json", include={"genre", "minutes", "updates", "seed", "licence"}) | {
        "midi": str(midi),
        "recipe": _absolute(settings.train_recipe),
        "base": _absolute(settings.checkpoint),  # the new genre is added to the band's own network
        "device": settings.train_device,
        "snapshot_seconds": settings.train_snapshot_seconds,
    }
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


@contextmanager
def _program(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The running program, ended with the block, and with this process however that ends."""
    command = with_parent_death_signal([sys.executable, "-m", settings.trainer, str(folder)])
    # It reads files of strangers: it gets no token, no password and no URL of the queue.
    environment = plain_environment()
    if GENRES_VARIABLE in os.environ:
        environment[GENRES_VARIABLE] = os.environ[GENRES_VARIABLE]
    # Threads that wait give up their core: spinning made a training beside songs 50 times slower.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, bufsize=0)  # noqa: S603  our own command
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    cast("IO[bytes]", process.stdout).close()


def _messages(pipe: IO[bytes]) -> Iterator[dict[str, Any] | None]:
    """The program's reports, a JSON object a line; ``None`` every 0.5 s while it reports nothing."""
    while True:
        if not select.select([pipe], [], [], POLL_SECONDS)[0]:
            yield None
            continue
        line = pipe.readline()
        if not line.endswith(b"\n"):  # the program's end, perhaps in the middle of a line
            return
        yield json.loads(line)


def _is_cancelled(queues: Queues, job: Job) -> bool:
    try:
        return is_cancelled(queues, job.id)
    except QUEUE_UNAVAILABLE:
        return False  # it can still be cancelled when the server is back


def _ending(queues: Queues, job: Job, folder: Path, status: int, last: dict[str, Any]) -> Outcome:
    """The outcome of a program that ended with ``status`` after the report ``last``."""
    if last.get("status") == "done":
        done = folder / DONE_FILE
        done.write_text(json.dumps(job.meta.get("figures", {})), encoding="utf-8")
        queues.media.put(job.id, {CHECKPOINT_FILE: folder / CHECKPOINT_FILE})
        queues.media.put(job.id, {DONE_FILE: done})
        return {"status": "done"}
    if last.get("status") == "refused":
        return {"status": "refused", "problem": last["problem"]}
    if status < 0:
        raise TrainerLostError(f"the training's process was ended by signal {-status}")
    queues.stats.count_failure("TrainerFailed")
    tail = (folder / "log").read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]
    logger.error("training %s: its program ended with status %d: %s", job.id, status, tail)
    return {"status": "failed"}


def _folder(queues: Queues, job: Job) -> Path:
    return queues.settings.trainings_dir / job.id


def _count_failure(queues: Queues, error: BaseException, *, final: bool = False) -> None:
    """Count ``error``, unless the Redis server itself is unavailable: ``error`` matters more."""
    try:
        queues.stats.count_failure(type(error).__name__)
        if final:
            queues.stats.count_training("failed")
    except QUEUE_UNAVAILABLE:
        logger.warning("an error was not counted, the Redis server is unavailable: %s", type(error).__name__)
