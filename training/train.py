"""One training from files to checkpoint: prepare the corpus, run it, put the best weights where asked.

Either a lesson (``training.finetune.genre_training``: one genre more for a finished checkpoint, the usual case) or a
training anew by
a recipe. A lesson's checkpoint ends among one's own genres (``composer.genre_store``) unless the order says otherwise.
Of several processes that train together (``training.distributed``) only the first speaks and writes.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from composer.errors import RefusedError
from composer.genre_store import add, check_name, check_spelling, custom_checkpoint
from composer.model.checkpoint import load_checkpoint
from midi_data.corpus.dataset import Piece, Shard, all_pieces, open_shard, open_shards
from midi_data.corpus.prepare import prepare
from midi_data.genres import genre_by_name, plain_name
from training.config import Recipe, read_recipe
from training.data.examples import Names
from training.data.splitting import as_genre, hold_out
from training.devices import DeviceName
from training.distributed import Ranks, joined
from training.errors import TrainingError
from training.tensorboard_log import EventsLog
from training.trainer import Report, Training

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = RECIPES / "house.toml"
LESSON_RECIPE = RECIPES / "finetune.toml"
DATA_FOLDER = Path("data")
SMALL_SET_PIECES = 2
"""Fewer pieces than this cannot be split into train and valid."""
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; see ``riffbird train --help``. ``base``: the shipped checkpoint for a lesson, if left out."""

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
    """Where TensorBoard's log goes, if anywhere."""


class Listener(Protocol):
    """Hears how a training goes. Whatever it raises ends the training, which ``resume`` goes on with."""

    def note(self, text: str) -> None:
        """A line about what is being done."""

    def __call__(self, report: Report) -> None:
        """Once an update."""


class Silent:
    """The ``Listener`` of all processes but the first."""

    def note(self, text: str) -> None:
        """Said by the first."""

    def __call__(self, report: Report) -> None:
        """Said by the first."""


class _Logged:
    """A ``Listener`` whose reports go to TensorBoard's log as well."""

    def __init__(self, listener: Listener, log: EventsLog) -> None:
        self.note, self._listener, self._log = listener.note, listener, log

    def __call__(self, report: Report) -> None:
        self._log(report)
        self._listener(report)


def run_training(order: Order, listener: Listener) -> Path:
    """Train as ordered; returns the checkpoint's path.

    Raises ``TrainingError``, ``CheckpointError``, or ``MidiDataError``.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1)
    _check_genre(order)
    recipe = recipe_of(order)
    with joined(order.device) as ranks:
        check_sharing(order, recipe, ranks.count)
        if not ranks.first or order.tensorboard is None:
            return _trained(order, recipe, listener if ranks.first else Silent(), ranks)
        with closing(EventsLog(order.tensorboard)) as log:
            return _trained(order, recipe, _Logged(listener, log), ranks)


def _trained(order: Order, recipe: Recipe, listener: Listener, ranks: Ranks) -> Path:
    return _lesson(order, recipe, listener) if recipe.tuning else _anew(order, recipe, listener, ranks)


def check_sharing(order: Order, recipe: Recipe, processes: int) -> None:
    """Raise ``TrainingError`` for what ``processes`` cannot do together."""
    if processes < 1:
        raise TrainingError(f"--processes is 1 at least, not {processes}")
    if processes == 1:
        return
    if recipe.tuning:
        raise TrainingError(f"a lesson is taught by one process, not {processes}; --from-scratch takes several")
    if order.midi:
        raise TrainingError("several processes train from --corpus: riffbird corpus prepare makes one of --midi")
    if recipe.lanes < processes * recipe.accumulate:
        raise TrainingError(f"lanes is {processes * recipe.accumulate} at least (processes × accumulate), "
                            f"not {recipe.lanes}")  # fmt: skip


def recipe_of(order: Order) -> Recipe:
    """The recipe of ``order``: the one it names, else a lesson's where a genre is named, else the house's."""
    changes = {"updates": order.updates, "name": order.genre or None, "seed": order.seed}
    lesson = order.genre and not order.from_scratch
    path = order.recipe or (LESSON_RECIPE if lesson else DEFAULT_RECIPE)
    return read_recipe(path, **{name: value for name, value in changes.items() if value is not None})


def _lesson(order: Order, recipe: Recipe, listener: Listener) -> Path:
    from training.finetune.genre_training import teach

    if not order.genre or order.from_scratch:
        raise TrainingError("a recipe with [tuning] adds a genre to a base: name it with --genre, not --from-scratch")
    train, valid = hold_out(*(as_genre(held, order.genre) for held in gather(order, recipe, listener)))
    _say_amounts(train, valid, listener)
    best = teach(order, recipe, train, valid, DATA_FOLDER, listener)
    if order.out or _is_shipped(order.genre):
        return deliver(best, order.out or DATA_FOLDER / "checkpoints" / f"{recipe.name}.safetensors")
    card = add(best, order.genre, replace=True)
    listener.note(f"{card.name} is among your genres now: riffbird compose --genre {card.name}")
    return custom_checkpoint(card.name) or best


def _check_genre(order: Order) -> None:
    """Raise ``TrainingError`` for a name that the genre cannot have, before anything is done.

    Who names a base, or trains from scratch, may mean a shipped genre.
    """
    if not order.genre:
        return
    try:
        if order.base or order.from_scratch or order.recipe:
            check_spelling(order.genre)
        else:
            check_name(order.genre)
    except RefusedError as refusal:
        raise TrainingError(f"--genre: {refusal}") from refusal


def _is_shipped(genre: str) -> bool:
    return plain_name(genre) in genre_by_name()


def _anew(order: Order, recipe: Recipe, listener: Listener, ranks: Ranks) -> Path:
    """Train all weights on all pieces, from scratch or on from a base of the same widths."""
    if order.from_scratch and order.base:
        raise TrainingError(f"--from-scratch has no --base, here is {order.base}")
    train, valid = gather(order, recipe, listener)
    names = names_of(train, order.base)
    _say_amounts(train, valid, listener)
    folder = DATA_FOLDER / "trainings" / recipe.name
    training = Training(recipe, train, valid, names, folder, ranks.device, minutes=order.minutes, ranks=ranks)
    if order.resume:
        training.resume()
        listener.note(f"going on from update {training.update}")
    elif order.base:
        training.start_from(load_checkpoint(order.base))
    training.run(listener, snapshot_seconds=order.snapshot_seconds)
    out = order.out or DATA_FOLDER / "checkpoints" / f"{recipe.name}.safetensors"
    if not ranks.first:
        return out
    return deliver(folder / "best.safetensors", out)


def _say_amounts(train: list[tuple[Shard, Piece]], valid: list[tuple[Shard, Piece]], listener: Listener) -> None:
    notes = sum(piece.count for _, piece in train)
    listener.note(f"{len(train)} pieces to train on ({notes:,} notes), {len(valid)} held out")


def gather(
    order: Order, recipe: Recipe, listener: Listener
) -> tuple[list[tuple[Shard, Piece]], list[tuple[Shard, Piece]]]:
    """Training and held-out pieces; MIDI files are prepared first."""
    if (order.midi is None) == (order.corpus is None):
        raise TrainingError("train from one of --midi (files) and --corpus (prepared)")
    if order.midi:
        listener.note(f"preparing {order.midi}")
        made = prepare(order.midi, DATA_FOLDER / "corpora" / recipe.name, genre=order.genre, licence=order.licence)
        shards = [open_shard(folder) for folder in made]
    else:
        shards = open_shards(order.corpus or Path())
    train, valid = list(all_pieces(shards, "train")), list(all_pieces(shards, "valid"))
    if not valid and len(train) >= SMALL_SET_PIECES:
        train, valid = train[:-1], train[-1:]
    if not train or not valid:
        raise TrainingError(
            f"{order.midi or order.corpus}: a training needs at least {SMALL_SET_PIECES} usable pieces, "
            f"here are {len(train) + len(valid)}"
        )
    return train, valid


def names_of(train: list[tuple[Shard, Piece]], base: Path | None) -> Names:
    """Genres and styles of the data, after those of a base checkpoint."""
    genres = sorted({piece.genre for _, piece in train})
    styles = ["any", *sorted({f"{piece.genre}/{piece.style}" for _, piece in train})]
    if base:
        header = load_checkpoint(base).header
        genres = [*header.genres, *(genre for genre in genres if genre not in header.genres)]
        styles = [*header.styles, *(style for style in styles if style not in header.styles)]
    return Names(tuple(genres), tuple(styles))


def deliver(best: Path, out: Path) -> Path:
    """Copy the best checkpoint to ``out``, whole or not at all. Raises ``TrainingError`` when it cannot be written."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(best, temporary)
        temporary.replace(out)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return out
