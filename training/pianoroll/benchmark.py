"""The piano-roll benchmark: find or train a network for a set, then score every held-out part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from training.config import RECIPES
from training.devices import DeviceName, pick_device
from training.errors import TrainingError
from training.pianoroll.checkpoint import RollCheckpoint, find_checkpoint, load_roll_checkpoint, set_name
from training.pianoroll.config import RollTrainingConfig, read_roll_config
from training.pianoroll.data import RollSet, read_rolls
from training.pianoroll.score import Score, score_rolls
from training.pianoroll.trainer import RollTrainer
from training.request import DATA_FOLDER, deliver
from training.trainer import Report

PROTOCOL = "joint nats per 88-key frame, averaged over frames; the first frame of a piece is not scored"
SCORED_PARTS = ("valid", "test")


@dataclass(frozen=True, slots=True)
class RollRequest:
    """Options of ``riffbird benchmark pianoroll``."""

    data: Path
    checkpoint: Path | None = None
    train: bool = False
    minutes: float | None = None
    updates: int | None = None
    recipe: Path | None = None
    out: Path | None = None
    seed: int | None = None
    device: DeviceName = "auto"
    resume: bool = False


class RollCallback(Protocol):
    """Progress of a benchmark."""

    def note(self, text: str) -> None:
        """Called with a line about the current step."""

    def __call__(self, report: Report) -> None:
        """Called after each update of a training."""

    def scored(self, part: str, done: int, pieces: int) -> None:
        """Called when ``done`` of the ``pieces`` of a part are scored."""


def run_benchmark(request: RollRequest, callback: RollCallback) -> dict[str, Any]:
    """The result, JSON-ready. Raises ``TrainingError`` or ``CheckpointError``."""
    rolls = read_rolls(request.data)
    if not request.train and not any(rolls.pieces(part) for part in SCORED_PARTS):
        raise TrainingError(f"{request.data}: nothing to score, there are no pieces in {' or '.join(SCORED_PARTS)}")
    checkpoint = load_roll_checkpoint(_train(request, rolls, callback) if request.train else _found(request, rolls))
    checkpoint.network.to(pick_device(request.device))
    same_train = _same_train_part(checkpoint, rolls)
    if not same_train:
        callback.note(f"{checkpoint.path}: was trained on other pieces than {request.data} has in train")
    result: dict[str, Any] = {
        "benchmark": "pianoroll",
        "data": str(request.data),
        "checkpoint": str(checkpoint.path),
        "name": checkpoint.header.name,
        "seed": checkpoint.header.recipe.get("seed"),
        "trained_on_this_train": same_train,
        "protocol": PROTOCOL,
    }
    for part in SCORED_PARTS:
        if rolls.pieces(part):
            score = score_rolls(checkpoint.network, rolls.pieces(part), _counter(callback, part, rolls))
            result |= figures(part, score)
    return result


def figures(part: str, score: Score) -> dict[str, Any]:
    """``PART_nll`` in nats a frame, with its sample and 95 % interval over pieces."""
    return {
        f"{part}_nll": score.nll,
        f"{part}_interval": list(score.interval()),
        f"{part}_frames": int(score.frames.sum()),
        f"{part}_pieces": len(score.frames),
    }


def config_for(request: RollRequest) -> RollTrainingConfig:
    """The requested recipe, else that of the set that the file's name contains, else the defaults."""
    changes = {name: value for name in ("updates", "seed") if (value := getattr(request, name)) is not None}
    path = request.recipe or RECIPES / f"pianoroll-{set_name(request.data)}.toml"
    if request.recipe or path.exists():
        return read_roll_config(path, **changes)
    return RollTrainingConfig(**changes)


def _found(request: RollRequest, rolls: RollSet) -> Path:
    path = request.checkpoint or find_checkpoint(rolls)
    if path is None:
        raise TrainingError(f"{request.data}: no shipped checkpoint was trained on this set; --train trains one")
    return path


def _train(request: RollRequest, rolls: RollSet, callback: RollCallback) -> Path:
    config, device = config_for(request), pick_device(request.device)
    callback.note(f"{len(rolls.pieces('train'))} pieces to train on; {device.type}, {config.name}, seed {config.seed}")
    trainer = RollTrainer(config, rolls, DATA_FOLDER / "trainings" / config.name, device, minutes=request.minutes)
    if request.resume:
        trainer.resume()
        callback.note(f"resuming at update {trainer.update}")
    trainer.run(callback)
    return deliver(trainer.best_path, request.out or DATA_FOLDER / "checkpoints" / f"{config.name}.safetensors")


def _same_train_part(checkpoint: RollCheckpoint, rolls: RollSet) -> bool | None:
    """Whether the file's train part is the one the checkpoint was trained on; None if the file has none."""
    digest = rolls.digests().get("train")
    return None if digest is None else digest == checkpoint.header.prints.get("train")


def _counter(callback: RollCallback, part: str, rolls: RollSet) -> Callable[[int], None]:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        callback.scored(part, done, len(rolls.pieces(part)))

    return count
