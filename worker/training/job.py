"""The job of the ``train`` queue: from an archive of MIDI to a checkpoint in the media store.

The training is a program of its own, named in the settings: its memory goes when it ends, it can be ended at any
moment, and nothing of it is loaded here. It works in a folder of the data folder, so that an attempt whose worker was
killed is gone on with by the next from its last snapshot. Does not know who asked, or what a network is.
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

from rq import get_current_job
from rq.job import Job
from rq.timeouts import JobTimeoutException

from midi_data.process import with_parent_death_signal
from worker.client import QUEUE_UNAVAILABLE, Queues
from worker.errors import TrainerLostError
from worker.queue.context import CURRENT_QUEUES
from worker.queue.payloads import TrainPayload
from worker.settings import PREFIX, Settings
from worker.training.client import CHECKPOINT_FILE, DONE_FILE, delete_upload, is_cancelled
from worker.training.progress import TrainingProgress

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks whether it was cancelled, while the program says nothing."""
END_SECONDS = 10.0
TRANSIENT_ERRORS = (OSError, MemoryError, TrainerLostError, *QUEUE_UNAVAILABLE)
LOG_TAIL = 2000
KEPT = frozenset({"RIFFBIRD_GENRES_DIR"})
"""The one setting a training's program reads: where a new genre goes."""

Outcome = dict[str, Any]


def train(order: dict[str, Any]) -> Outcome:
    """Train. Returns ``{"status": "done" | "refused" | "failed" | "cancelled", …}``; raises what may pass."""
    queues, job = CURRENT_QUEUES.get(), cast("Job", get_current_job())
    wanted = TrainPayload.model_validate(order)
    outcome = _attempt(queues, job, wanted)
    delete_upload(queues, job.id, wanted)
    shutil.rmtree(_folder(queues, job), ignore_errors=True)
    queues.stats.count_training(outcome["status"])
    return outcome


def _attempt(queues: Queues, job: Job, order: TrainPayload) -> Outcome:
    try:
        # An attempt that was thought lost may have come to its end after all.
        if queues.media.size(job.id, DONE_FILE) is not None:
            return {"status": "done"}
        return _run(queues, job, order)
    except JobTimeoutException:
        hours = queues.settings.train_timeout_seconds / 3600
        return {"status": "failed", "problem": f"a training may take {hours:g} hours here, and this one took longer"}
    except TRANSIENT_ERRORS as fault:
        _count_failure(queues, fault, finally_=not job.retries_left)
        raise
    except Exception as bug:
        _count_failure(queues, bug)
        logger.exception("training %s: a bug", job.id)
        return {"status": "failed"}


def _run(queues: Queues, job: Job, order: TrainPayload) -> Outcome:
    course, folder = TrainingProgress(job), _folder(queues, job)
    course.stage("preparing")
    if is_cancelled(queues, job.id):
        return {"status": "cancelled"}
    _lay_out(queues, job, order, folder)
    with _program(queues.settings, folder) as process:
        last: dict[str, Any] = {}
        for message in _messages(cast("IO[bytes]", process.stdout)):
            if _asked_to_end(queues, job):
                return {"status": "cancelled"}
            if message is not None:
                last = message
                if message["status"] == "training":
                    course.hear(message)
        with suppress(subprocess.TimeoutExpired):  # it has said its last word: what it still tidies up is not ours
            process.wait(END_SECONDS)
    course.write()
    return _ending(queues, job, folder, process.returncode, last)


def _lay_out(queues: Queues, job: Job, order: TrainPayload, folder: Path) -> None:
    """The folder of the training: the order for the program, the uploaded archive fetched."""
    settings, midi = queues.settings, order.midi
    folder.mkdir(parents=True, exist_ok=True)
    if order.upload is not None:
        # In a folder of its own: nothing beside it is taken for its manifest.
        (folder / "upload").mkdir(exist_ok=True)
        midi = folder / "upload" / order.upload
        if not midi.exists():
            arriving = queues.media.fetch(job.id, order.upload, folder)
            arriving.replace(midi)
    told = order.model_dump(mode="json", include={"genre", "minutes", "updates", "seed", "licence"}) | {
        "midi": str(midi),
        "recipe": _absolute(settings.train_recipe),
        "base": _absolute(settings.checkpoint),  # a genre more for what the band plays with
        "device": settings.train_device,
        "snapshot_seconds": settings.train_snapshot_seconds,
    }
    (folder / "order.json").write_text(json.dumps(told), encoding="utf-8")


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


@contextmanager
def _program(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The running program, ended with the block. It ends with us, too, however we end."""
    command = with_parent_death_signal([sys.executable, "-m", settings.trainer, str(folder)])
    # Where the queue lives, and its password, are none of its business.
    environment = {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith(PREFIX)}
    # Threads that wait for one another give up their core: beside songs, spinning made a training 50 times slower.
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
    """What the program says, a JSON object a line; ``None`` now and then while it says nothing."""
    while True:
        if not select.select([pipe], [], [], LOOK_SECONDS)[0]:
            yield None
            continue
        line = pipe.readline()
        if not line.endswith(b"\n"):  # its end, perhaps in the middle of a line
            return
        yield json.loads(line)


def _asked_to_end(queues: Queues, job: Job) -> bool:
    try:
        return is_cancelled(queues, job.id)
    except QUEUE_UNAVAILABLE:
        return False  # it can still be cancelled when the server is back


def _ending(queues: Queues, job: Job, folder: Path, status: int, last: dict[str, Any]) -> Outcome:
    """What to make of a program that ended with ``status``, having said ``last``."""
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


def _count_failure(queues: Queues, fault: BaseException, *, finally_: bool = False) -> None:
    """Count ``fault`` unless the counter's own server is what is gone: the fault itself matters more."""
    try:
        queues.stats.count_failure(type(fault).__name__)
        if finally_:
            queues.stats.count_training("failed")
    except QUEUE_UNAVAILABLE:
        logger.warning("a fault could not be counted, the server is gone: %s", type(fault).__name__)
