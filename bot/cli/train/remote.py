"""``riffbird train --queue``: hands a training to the service's workers, follows it, fetches its checkpoint.

Needs no torch: the worker does. Ctrl+C ends the watching, not the training.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.console import progress_bar, tell
from bot.cli.errors import CommandRefusedError
from bot.cli.queue_server import queues_of

if TYPE_CHECKING:
    from rich.progress import Progress

    from worker.client import Queues, TrainingState, TrainPayload

LOOK_SECONDS = 0.5
PENDING = frozenset({"queued", "preparing", "training"})


class TrainingFailedError(Exception):
    """For the operator: the workers could not train."""


def train_in_queue(
    *,
    genre: str,
    midi: Path | None,
    minutes: float | None,
    updates: int | None,
    out: Path | None,
    licence: str = "not stated",
) -> Path:
    """Have ``midi``, which the worker sees under the same path, trained on; the checkpoint's path here.

    Raises ``CommandRefusedError`` for what cannot be trained, ``TrainingFailedError`` when it broke off.
    """
    from worker.client import CHECKPOINT_FILE, QUEUE_UNAVAILABLE, QueueFullError, submit_training

    queues, job_id = queues_of(), uuid.uuid4().hex
    order = _order(midi, genre=genre, minutes=minutes, updates=updates, licence=licence)
    try:
        submission = submit_training(queues, order, job_id=job_id)
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


def _order(midi: Path | None, **told: Any) -> TrainPayload:
    from pydantic import ValidationError

    from worker.client import TrainPayload

    if midi is None or not midi.exists():
        raise CommandRefusedError(f"--queue trains on a folder or archive of MIDI files that exists, not {midi}")
    try:
        return TrainPayload(midi=midi.resolve(), **told)
    except ValidationError as error:
        first = error.errors()[0]
        name = "".join(f"--{part}: " for part in first["loc"])
        raise CommandRefusedError(f"{name}{first['msg']}, not {first['input']!r}") from None


def _follow(queues: Queues, job_id: str, position: int) -> TrainingState | None:
    from worker.client import fetch_training_state

    with progress_bar() as bar:
        shown = _Shown(bar)
        try:
            tell(f"training {job_id} is number {position} in its queue")
            while (state := fetch_training_state(queues, job_id)) is not None and state.status in PENDING:
                shown(state)
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            tell(f"training {job_id} goes on")
            raise
    return state


class _Shown:
    """A bar where there is a terminal, a line at each new status and validation."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = bar.add_task("training", total=1.0, note="") if bar else None
        self._told: tuple[str, dict[str, float]] = ("queued", {})

    def __call__(self, state: TrainingState) -> None:
        if self._bar and self._task is not None:
            note = state.status if state.nll is None else f"{state.nll:.3f} nats a note"
            self._bar.update(self._task, completed=state.progress, note=note)
        if (state.status, state.valid) != self._told:
            self._told = (state.status, state.valid)
            figures = ", ".join(f"{genre} {nll:.3f}" for genre, nll in state.valid.items())
            tell(f"{state.status}: update {state.update}/{state.updates}, valid {figures}" if figures else state.status)


def _check(state: TrainingState | None) -> None:
    if state is None:
        raise TrainingFailedError("the training is not known to its queue any more")
    if state.status in {"refused", "cancelled"}:
        raise CommandRefusedError(state.problem or "the training was cancelled")
    if state.status != "done":
        raise TrainingFailedError(state.problem or "the training broke off")
