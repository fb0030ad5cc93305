"""``riffbird train --queue``: submits a training, follows it and fetches its checkpoint.

Only the worker needs torch. Ctrl+C ends the display, not the training.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.console import print_status, progress_bar
from bot.cli.errors import CommandRefusedError
from bot.cli.queue_server import queues_of

if TYPE_CHECKING:
    from rich.progress import Progress

    from worker.client import Queues, TrainingState, TrainPayload

POLL_SECONDS = 0.5
PENDING = frozenset({"queued", "preparing", "training"})


class TrainingFailedError(Exception):
    """The workers could not train."""


def train_in_queue(
    *,
    genre: str,
    midi: Path | None,
    minutes: float | None,
    updates: int | None,
    out: Path | None,
    licence: str = "not stated",
) -> Path:
    """Train on ``midi``, a path that the worker sees too; returns the local path of the checkpoint.

    Raises ``CommandRefusedError`` for a request that cannot be met, ``TrainingFailedError`` for a failed training.
    """
    from worker.client import CHECKPOINT_FILE, QUEUE_UNAVAILABLE, QueueFullError, submit_training

    queues, job_id = queues_of(), uuid.uuid4().hex
    payload = _payload(midi, genre=genre, minutes=minutes, updates=updates, licence=licence)
    try:
        submission = submit_training(queues, payload, job_id=job_id)
        _check(_follow(queues, job_id, submission.position))
        out = out or Path("data") / "checkpoints" / f"{genre}.safetensors"
        out.parent.mkdir(parents=True, exist_ok=True)
        fetched = queues.media.fetch(job_id, CHECKPOINT_FILE, out.parent)
    except QueueFullError as full:
        raise CommandRefusedError(str(full)) from None
    except QUEUE_UNAVAILABLE:
        raise CommandRefusedError(
            "no server answers: start `riffbird serve` or `riffbird worker --queue train`, or set RIFFBIRD_REDIS_URL"
        ) from None
    return fetched.replace(out)


def _payload(midi: Path | None, **options: Any) -> TrainPayload:
    from pydantic import ValidationError

    from worker.client import TrainPayload

    if midi is None or not midi.exists():
        raise CommandRefusedError(f"--queue trains on a folder or archive of MIDI files that exists, not {midi}")
    try:
        return TrainPayload(midi=midi.resolve(), **options)
    except ValidationError as error:
        first = error.errors()[0]
        name = "".join(f"--{part}: " for part in first["loc"])
        raise CommandRefusedError(f"{name}{first['msg']}, not {first['input']!r}") from None


def _follow(queues: Queues, job_id: str, position: int) -> TrainingState | None:
    from worker.client import fetch_training_state

    with progress_bar() as bar:
        display = _Display(bar)
        try:
            print_status(f"training {job_id} is number {position} in its queue")
            while (state := fetch_training_state(queues, job_id)) is not None and state.status in PENDING:
                display(state)
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            print_status(f"training {job_id} goes on")
            raise
    return state


class _Display:
    """A progress bar on a terminal, and a line at each new status and validation."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = bar.add_task("training", total=1.0, note="") if bar else None
        self._printed: tuple[str, dict[str, float]] = ("queued", {})

    def __call__(self, state: TrainingState) -> None:
        if self._bar and self._task is not None:
            note = state.status if state.nll is None else f"{state.nll:.3f} nats a note"
            self._bar.update(self._task, completed=state.progress, note=note)
        if (state.status, state.valid) != self._printed:
            self._printed = (state.status, state.valid)
            figures = ", ".join(f"{genre} {nll:.3f}" for genre, nll in state.valid.items())
            print_status(
                f"{state.status}: update {state.update}/{state.updates}, valid {figures}" if figures else state.status
            )


def _check(state: TrainingState | None) -> None:
    if state is None:
        raise TrainingFailedError("the training was deleted from its queue")
    if state.status in {"refused", "cancelled"}:
        raise CommandRefusedError(state.problem or "the training was cancelled")
    if state.status != "done":
        raise TrainingFailedError(state.problem or "the training failed")
