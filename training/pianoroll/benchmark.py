"""One benchmark from file to figures: find or train the network that fits, score every held-out part of the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from training.devices import DeviceName, pick_device
from training.errors import TrainingError
from training.pianoroll.checkpoint import RollCheckpoint, find_checkpoint, load_roll_checkpoint, set_name
from training.pianoroll.config import RECIPES, RollRecipe, read_roll_recipe
from training.pianoroll.data import RollSet, read_rolls
from training.pianoroll.score import Score, score_rolls
from training.pianoroll.trainer import RollReport, RollTraining
from training.train import DATA_FOLDER, deliver

PROTOCOL = "joint nats per 88-key frame, averaged over frames; the first frame of a piece is not scored"
SCORED_PARTS = ("valid", "test")


@dataclass(frozen=True, slots=True)
class RollOrder:
    """What was asked for; see ``riffbird benchmark pianoroll --help``."""

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


class Listener(Protocol):
    """Hears how a benchmark goes."""

    def note(self, text: str) -> None:
        """A line about what is being done."""

    def trained(self, report: RollReport) -> None:
        """Once an update."""

    def scored(self, part: str, done: int, pieces: int) -> None:
        """Some pieces of a part are scored."""


def run_benchmark(order: RollOrder, listener: Listener) -> dict[str, Any]:
    """The result, JSON-ready. Raises ``TrainingError`` or ``CheckpointError`` for what cannot be done."""
    rolls = read_rolls(order.data)
    if not order.train and not any(rolls.pieces(part) for part in SCORED_PARTS):
        raise TrainingError(f"{order.data}: nothing to score, there are no pieces in {' or '.join(SCORED_PARTS)}")
    checkpoint = load_roll_checkpoint(_train(order, rolls, listener) if order.train else _found(order, rolls))
    checkpoint.network.to(pick_device(order.device))
    own = _made_with(checkpoint, rolls)
    if not own:
        listener.note(f"{checkpoint.path}: was trained on other pieces than {order.data} has in train")
    result: dict[str, Any] = {
        "benchmark": "pianoroll",
        "data": str(order.data),
        "checkpoint": str(checkpoint.path),
        "name": checkpoint.header.name,
        "seed": checkpoint.header.recipe.get("seed"),
        "trained_on_this_train": own,
        "protocol": PROTOCOL,
    }
    for part in SCORED_PARTS:
        if rolls.pieces(part):
            score = score_rolls(checkpoint.network, rolls.pieces(part), _counter(listener, part, rolls))
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


def recipe_for(order: RollOrder) -> RollRecipe:
    """The recipe asked for, else that of the set that the file's name speaks of, else the house's defaults."""
    changes = {name: value for name in ("updates", "seed") if (value := getattr(order, name)) is not None}
    path = order.recipe or RECIPES / f"pianoroll-{set_name(order.data)}.toml"
    if order.recipe or path.exists():
        return read_roll_recipe(path, **changes)
    return RollRecipe(**changes)


def _found(order: RollOrder, rolls: RollSet) -> Path:
    found = order.checkpoint or find_checkpoint(rolls)
    if found is None:
        raise TrainingError(f"{order.data}: no checkpoint here was made for this set; --train trains one")
    return found


def _train(order: RollOrder, rolls: RollSet, listener: Listener) -> Path:
    recipe, device = recipe_for(order), pick_device(order.device)
    listener.note(f"{len(rolls.pieces('train'))} pieces to train on; {device.type}, {recipe.name}, seed {recipe.seed}")
    folder = DATA_FOLDER / "trainings" / recipe.name
    training = RollTraining(recipe, rolls, folder, device, minutes=order.minutes)
    if order.resume:
        training.resume()
        listener.note(f"going on from update {training.update}")
    training.run(listener.trained)
    return deliver(training.best_path, order.out or DATA_FOLDER / "checkpoints" / f"{recipe.name}.safetensors")


def _made_with(checkpoint: RollCheckpoint, rolls: RollSet) -> bool | None:
    """Whether the file's train part is the checkpoint's own; None where the file has none."""
    here = rolls.prints().get("train")
    return None if here is None else here == checkpoint.header.prints.get("train")


def _counter(listener: Listener, part: str, rolls: RollSet) -> Callable[[int], None]:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        listener.scored(part, done, len(rolls.pieces(part)))

    return count
