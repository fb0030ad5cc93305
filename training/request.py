"""What a caller asks of a training, and how it follows its progress."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from midi_data.atomic import atomic_path
from training.config import RECIPES, TrainingConfig, read_config
from training.devices import DeviceName
from training.errors import TrainingError
from training.trainer import Report

FROM_SCRATCH_RECIPE = RECIPES / "house.toml"
FINETUNE_RECIPE = RECIPES / "finetune.toml"
DATA_FOLDER = Path("data")
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """Options of ``riffbird train``. ``base``: default is the shipped checkpoint when fine-tuning."""

    genre: str = ""
    midi: Path | None = None
    corpus: Path | None = None
    recipe: Path | None = None
    base: Path | None = None
    out: Path | None = None
    minutes: float | None = None
    updates: int | None = None
    device: DeviceName = "auto"
    resume: bool = False
    from_scratch: bool = False
    licence: str = NOT_STATED
    seed: int | None = None
    snapshot_seconds: float = 120.0
    tensorboard: Path | None = None
    """Folder of TensorBoard's log; None writes no log."""


class TrainingCallback(Protocol):
    """Progress of a training. An exception that it raises ends the training, which can be resumed."""

    def note(self, text: str) -> None:
        """Called with a line about the current step."""

    def __call__(self, report: Report) -> None:
        """Called after each update."""


class SilentCallback:
    """The callback of all processes but the first."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def __call__(self, report: Report) -> None:
        """Do nothing."""


def config_of(request: TrainingRequest) -> TrainingConfig:
    """The requested recipe; default: fine-tuning for a named genre, else the shipped checkpoint's recipe."""
    changes = {"updates": request.updates, "name": request.genre or None, "seed": request.seed}
    finetune = request.genre and not request.from_scratch
    path = request.recipe or (FINETUNE_RECIPE if finetune else FROM_SCRATCH_RECIPE)
    return read_config(path, **{name: value for name, value in changes.items() if value is not None})


def check_processes(request: TrainingRequest, config: TrainingConfig, processes: int) -> None:
    """Raise ``TrainingError`` for a request that ``processes`` cannot train together."""
    if processes < 1:
        raise TrainingError(f"--processes is at least 1, not {processes}")
    if processes == 1:
        return
    if config.finetuning:
        raise TrainingError(f"fine-tuning runs in one process, not {processes}; --from-scratch takes several")
    if request.midi:
        raise TrainingError("several processes train from --corpus: riffbird corpus prepare makes one of --midi")
    if config.batch_size < processes * config.accumulate:
        raise TrainingError(
            f"batch_size is at least {processes * config.accumulate} (processes × accumulate), not {config.batch_size}"
        )


def deliver(best: Path, out: Path) -> Path:
    """Copy the checkpoint ``best`` to ``out`` atomically. Raises ``TrainingError`` when it cannot be written."""
    try:
        with atomic_path(out) as temporary:
            shutil.copyfile(best, temporary)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error.strerror})") from error
    return out
