"""One training from files to checkpoint: prepare the corpus, run the loop, write the best weights where asked."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from composer.checkpoint import load_checkpoint
from midi_data.pieces import Piece, Shard, all_pieces, open_shards
from midi_data.prepare import prepare
from training.devices import DeviceName, pick_device
from training.errors import TrainingError
from training.loop import Report, Training
from training.pieces import Names
from training.recipe import Recipe, read_recipe

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "house.toml"
DATA_FOLDER = Path("data")
SMALL_SET_PIECES = 2
"""Fewer pieces than this cannot be split into train and valid."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; see ``riffbird train --help``."""

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
    licence: str = "not stated"
    seed: int | None = None
    snapshot_seconds: float = 120.0


class Listener(Protocol):
    """Hears how a training goes."""

    def note(self, text: str) -> None:
        """A line about what is being done."""

    def __call__(self, report: Report) -> None:
        """Once an update."""


def run_training(order: Order, listener: Listener) -> Path:
    """Train as ordered; returns the checkpoint's path. Raises ``TrainingError`` or ``CorpusError``."""
    device = pick_device(order.device)
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1)
    changes = {"updates": order.updates} if order.updates else {}
    if order.genre:
        changes["name"] = order.genre  # type: ignore[assignment]
    if order.seed is not None:
        changes["seed"] = order.seed
    recipe = read_recipe(order.recipe or DEFAULT_RECIPE, **changes)
    train, valid = gather(order, recipe, listener)
    names = names_of(train, order.base)
    listener.note(f"{len(train)} pieces to train on, {len(valid)} held out; {device.type}, {recipe.name}")
    folder = DATA_FOLDER / "trainings" / recipe.name
    training = Training(recipe, train, valid, names, folder, device, minutes=order.minutes)
    if order.resume:
        training.resume()
        listener.note(f"going on from update {training.update}")
    elif order.base:
        training.start_from(load_checkpoint(order.base))
    training.run(listener, snapshot_seconds=order.snapshot_seconds)
    out = order.out or DATA_FOLDER / "checkpoints" / f"{recipe.name}.safetensors"
    return deliver(folder / "best.safetensors", out)


def gather(
    order: Order, recipe: Recipe, listener: Listener
) -> tuple[list[tuple[Shard, Piece]], list[tuple[Shard, Piece]]]:
    """Training and held-out pieces; MIDI files are prepared first."""
    corpus = order.corpus
    if order.midi:
        corpus = DATA_FOLDER / "corpora" / recipe.name
        listener.note(f"preparing {order.midi}")
        prepare(order.midi, corpus, genre=order.genre, licence=order.licence)
    if corpus is None:
        raise TrainingError("train from one of --midi (files) and --corpus (prepared), not neither")
    shards = open_shards(corpus)
    train, valid = list(all_pieces(shards, "train")), list(all_pieces(shards, "valid"))
    if not valid and len(train) >= SMALL_SET_PIECES:
        train, valid = train[:-1], train[-1:]
    if not train or not valid:
        raise TrainingError(
            f"{corpus}: a training needs at least {SMALL_SET_PIECES} usable pieces, here are {len(train) + len(valid)}"
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
