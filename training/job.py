"""``python -m training.job FOLDER``: one training as a program, for callers that only know its files.

``FOLDER/task.json`` (``JobSpec``) describes the training. All work is done in FOLDER; a training that was killed
resumes from its last snapshot. The result is ``FOLDER/checkpoint.safetensors``; a new genre is also added to the user's
genres (``composer.genre_store``). stdout has one JSON object a line: ``{"status": "preparing"}``, ``{"status":
"training", …}`` with the figures of ``message_of``, then ``{"status": "done"}`` or ``{"status": "refused", "problem":
…}``. Exit status: 0 done, 2 refused, 1 failed.
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
"""Composing on the same machine has priority."""
SHORTEST_PAUSE_SECONDS = 0.2
"""Between two messages about updates; every validation is reported."""
UNLIMITED_MINUTES = 1e9
DONE, REFUSED = 0, 2


class JobSpec(BaseModel):
    """Contents of ``task.json``."""

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


class JsonLinesCallback:
    """A training callback that writes JSON lines to ``out``."""

    def __init__(self, out: IO[str]) -> None:
        self.out = out
        self.written = 0.0
        self.validated_at = -1

    def note(self, text: str) -> None:
        """Write a line to the log (stderr)."""
        sys.stderr.write(text + "\n")

    def __call__(self, report: Report) -> None:
        """Write each validation, and updates at most every ``SHORTEST_PAUSE_SECONDS``."""
        validated = report.validated_at > self.validated_at
        if validated or time.monotonic() - self.written >= SHORTEST_PAUSE_SECONDS:
            self.written, self.validated_at = time.monotonic(), report.validated_at
            self.write(message_of(report, validated=validated))

    def write(self, message: dict[str, Any]) -> None:
        """Write one line. Raises ``BrokenPipeError`` when the reader is gone, which ends the training."""
        self.out.write(json.dumps(message, allow_nan=False) + "\n")
        self.out.flush()


def message_of(report: Report, *, validated: bool) -> dict[str, Any]:
    """A report, JSON-ready: figures in nats a note, None where there is none yet."""
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
        "notes_per_second": _figure(report.throughput),
    }


def run(spec: JobSpec, callback: JsonLinesCallback) -> int:
    """Train in the working folder; returns the exit status."""
    from composer.errors import RefusedError
    from midi_data.errors import MidiDataError
    from training.errors import TrainingError
    from training.request import TrainingRequest, config_of
    from training.train import run_training

    request = TrainingRequest(**spec.model_dump(), resume=_has_snapshot(spec))
    try:
        if spec.updates is not None and config_of(request).finetuning:
            # Fine-tuning is limited by time, too; without a limit the weights are reproducible.
            request = replace(request, minutes=UNLIMITED_MINUTES)
        written = run_training(request, callback)
    except (TrainingError, MidiDataError, RefusedError) as refusal:
        # The sender of the upload does not know its path on this machine.
        callback.write({"status": "refused", "problem": str(refusal).replace(str(spec.midi), "the MIDI files")})
        return REFUSED
    shutil.copyfile(written, CHECKPOINT_FILE)
    callback.write({"status": "done"})
    return DONE


def main() -> None:
    """Run the job in the folder named on the command line, one process at a time, at low priority."""
    # Prints of libraries must not mix with the messages.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.nice(NICENESS)
    os.chdir(sys.argv[1])
    spec = JobSpec.model_validate_json(Path("task.json").read_bytes())
    callback = JsonLinesCallback(out)
    with Path("lock").open("a") as lock:
        # An earlier attempt may still be ending; two would overwrite each other's snapshots.
        fcntl.flock(lock, fcntl.LOCK_EX)
        callback.write({"status": "preparing"})
        status = run(spec, callback)
    out.close()
    sys.stderr.flush()
    os._exit(status)  # all files are written, and unloading torch takes seconds


def _has_snapshot(spec: JobSpec) -> bool:
    """Whether an earlier attempt left a snapshot to resume from."""
    from training.request import DATA_FOLDER

    folder = DATA_FOLDER / "trainings" / spec.genre
    return any((folder / name / "facts.json").exists() for name in ("snapshot", ".snapshot.old"))


def _figure(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


if __name__ == "__main__":
    main()
