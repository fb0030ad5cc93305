"""``python -m training.job FOLDER``: one training as a program, for whoever knows it only by this name.

``FOLDER/order.json`` says what to train (``JobOrder``); all work is done in FOLDER, where a training that was killed
goes on from its last snapshot; the result is ``FOLDER/checkpoint.safetensors``, and a new genre is among one's own
(``composer.genre_store``). On stdout, one JSON object a line: ``{"status": "preparing"}``, ``{"status": "training",
…}``
with the figures of ``message_of``, at last ``{"status": "done"}`` or ``{"status": "refused", "problem": …}``. Exit
status: 0 done, 2 refused, 1 failed. Knows no queue and no service.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from training.trainer import Report

CHECKPOINT_FILE = "checkpoint.safetensors"
NICENESS = 10
"""Songs on the same machine go first."""
SHORTEST_PAUSE_SECONDS = 0.2
"""Between two messages about updates; every validation is told."""
NO_CLOCK_MINUTES = 1e9
DONE, REFUSED = 0, 2


class JobOrder(BaseModel):
    """What ``order.json`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    genre: str
    midi: Path
    minutes: float | None = None
    updates: int | None = None
    seed: int = 1
    licence: str = "not stated"
    recipe: Path | None = None
    base: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    snapshot_seconds: float = Field(default=30.0, gt=0)


class Teller:
    """The ``Listener`` of a training that writes messages to ``out``."""

    def __init__(self, out: IO[str]) -> None:
        self.out = out
        self.told = 0.0
        self.validated_at = -1

    def note(self, text: str) -> None:
        """Lines for a person go to the log."""
        sys.stderr.write(text + "\n")

    def __call__(self, report: Report) -> None:
        """Tell of an update, if the last one told of is a while ago, and of each validation."""
        validated = report.validated_at > self.validated_at
        if validated or time.monotonic() - self.told >= SHORTEST_PAUSE_SECONDS:
            self.told, self.validated_at = time.monotonic(), report.validated_at
            self.say(message_of(report, validated=validated))

    def say(self, message: dict[str, Any]) -> None:
        """One line. Raises ``BrokenPipeError`` when nobody listens any more, which ends the training."""
        self.out.write(json.dumps(message, allow_nan=False) + "\n")
        self.out.flush()


def message_of(report: Report, *, validated: bool) -> dict[str, Any]:
    """A report as JSON: figures in nats a note, ``null`` where there is none yet."""
    return {
        "status": "training",
        "progress": round(min(1.0, report.update / max(report.updates, 1)), 4),
        "update": report.update,
        "updates": report.updates,
        "nll": _figure(report.nll),
        "valid": {genre: _figure(figures["nll"]) for genre, figures in report.valid.items()},
        "validated": validated,
        "best": _figure(report.best),
        "seconds_left": _figure(report.seconds_left),
        "notes_per_second": _figure(report.notes_per_second),
    }


def run(order: JobOrder, teller: Teller) -> int:
    """Train in the working folder; the exit status."""
    from composer.errors import RefusedError
    from midi_data.errors import MidiDataError
    from training.errors import TrainingError
    from training.train import Order, recipe_of, run_training

    wanted = Order(**order.model_dump(), resume=_was_begun(order))
    try:
        if order.updates is not None and recipe_of(wanted).tuning:
            # A lesson looks at the clock, too; without it the weights are the same each time.
            wanted = replace(wanted, minutes=NO_CLOCK_MINUTES)
        written = run_training(wanted, teller)
    except (TrainingError, MidiDataError, RefusedError) as refusal:
        # Whoever asked knows neither our folders nor what an upload is called here.
        teller.say({"status": "refused", "problem": str(refusal).replace(str(order.midi), "the MIDI files")})
        return REFUSED
    shutil.copyfile(written, CHECKPOINT_FILE)
    teller.say({"status": "done"})
    return DONE


def main() -> None:
    """Work in the folder named on the command line, alone and politely."""
    # Whatever a library prints must not come between the messages.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.nice(NICENESS)
    os.chdir(sys.argv[1])
    order = JobOrder.model_validate_json(Path("order.json").read_bytes())
    teller = Teller(out)
    with Path("lock").open("a") as lock:
        # Another attempt may still be ending: two would spoil each other's snapshots.
        fcntl.flock(lock, fcntl.LOCK_EX)
        teller.say({"status": "preparing"})
        status = run(order, teller)
    out.close()
    sys.stderr.flush()
    os._exit(status)  # everything is on disk, and taking down torch takes seconds


def _was_begun(order: JobOrder) -> bool:
    """Whether an earlier attempt left a snapshot to go on from."""
    from training.train import DATA_FOLDER

    folder = DATA_FOLDER / "trainings" / order.genre
    return any((folder / name / "facts.json").exists() for name in ("snapshot", ".snapshot.old"))


def _figure(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


if __name__ == "__main__":
    main()
