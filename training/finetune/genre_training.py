"""From an order to a lesson and its checkpoint: the base, the nearest genre, songs to remember, and the report.

Knows what a lesson needs; the updates themselves are in ``training.finetune.finetune``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from composer.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.config import Recipe, Tuning
from training.data.examples import Names
from training.data.replay import Held, Replay, replay_of
from training.data.splitting import notes_in
from training.devices import pick_device
from training.errors import TrainingError
from training.finetune.finetune import FineTuning, Lesson
from training.finetune.memorization import CopyWatch
from training.finetune.nearest_genre import nll_by_known_genre, spread
from training.finetune.report_page import write_report
from training.finetune.sample_callback import Listening
from training.finetune.temperature import PIECES, with_own_temperature
from training.finetune.training_curves import Curves

if TYPE_CHECKING:
    from training.train import Listener, Order
    from training.trainer import Report


def teach(order: Order, recipe: Recipe, train: Held, valid: Held, data: Path, listener: Listener) -> Path:
    """Teach ``order.genre``; the best checkpoint, in its training's folder beside curves, samples and report."""
    base = load_checkpoint(order.base)
    tuning = recipe.tuning or Tuning()
    folder = data / "trainings" / recipe.name
    lesson = lesson_for(order.genre, train, valid, base, tuning, data / "replay", listener)
    watch = CopyWatch(((p.name, s.events(p)) for s, p in train), [s.events(p) for s, p in valid])
    listening = Listening(order.genre, watch, folder / "samples", count=tuning.samples, seconds=tuning.sample_seconds)
    minutes = order.minutes or tuning.minutes
    training = FineTuning(recipe, lesson, listening, folder, pick_device(order.device), minutes)
    if order.resume:
        training.resume()
        listener.note(f"going on from update {training.update}")
    listener.note(f"{training.nll_at_start:.3f} nats a note before the first update")
    curves = Curves(folder, training.nll_at_start)

    def hear(report: Report) -> None:
        curves(report)
        listener(report)

    training.run(hear, snapshot_seconds=order.snapshot_seconds)
    best = folder / "best.safetensors"
    if not best.exists():
        raise TrainingError(
            f"{order.genre}: no validation kept what the base knew; try a lower learning_rate in a recipe of your own"
        )
    made = drawn_as_its_pieces(load_checkpoint(best), order.genre, train, tuning.sample_seconds, listener)
    save_checkpoint(made, best)
    listener.note(f"report: {write_report(training, made)}")
    return best


def drawn_as_its_pieces(made: Checkpoint, genre: str, train: Held, seconds: float, listener: Listener) -> Checkpoint:
    """``made`` with the temperature at which songs of ``genre`` are as likely as the pieces it learned from."""
    tried: list[str] = []
    pieces = [shard.events(piece) for shard, piece in spread(train, PIECES)]
    warm = with_own_temperature(made, genre, pieces, seconds, lambda at, nats: tried.append(f"{nats:.3f} at {at:g}"))
    if warm is not made:
        of_pieces, *of_songs = tried
        told = f"nats a note of pieces learned from {of_pieces.split()[0]}, of songs {', '.join(of_songs)}"
        listener.note(f"songs are drawn at temperature {warm.header.temperatures[genre]:g} ({told})")
    return warm


def lesson_for(
    genre: str, train: Held, valid: Held, base: Checkpoint, tuning: Tuning, replay_folder: Path, listener: Listener
) -> Lesson:
    """What is taught, to which base, beginning where, and what is replayed beside it."""
    near = {genre: 0.0}
    if genre not in base.header.genres:
        near = nll_by_known_genre(base, [shard.events(piece) for shard, piece in spread(train)])
        told = ", ".join(f"{name} {nats:.3f}" for name, nats in list(near.items())[:3])
        listener.note(f"most like {next(iter(near))} (nats a note: {told}): its row is where {genre} begins")
    small = notes_in(train) < tuning.rows_only_below_notes
    if small:
        listener.note(f"{notes_in(train)} notes are few: only the rows of {genre} move, all other genres stay exactly")
    replay = None if small else remembered(base, replay_folder, tuning, listener)
    return Lesson(genre, train, valid, base, next(iter(near)), names_after(base, train), replay)


def remembered(base: Checkpoint, folder: Path, tuning: Tuning, listener: Listener) -> Replay:
    """Songs that the base composes of its genres, told about when they have to be composed first."""
    listener.note(f"{base.label} composes {tuning.replay_songs_a_genre} songs of each genre it knows, to remember them")
    return replay_of(base, folder, tuning)


def names_after(base: Checkpoint, train: Held) -> Names:
    """The base's genres and styles, then the new pieces'."""
    genres = sorted({piece.genre for _, piece in train} - set(base.header.genres))
    styles = sorted({f"{piece.genre}/{piece.style}" for _, piece in train} - set(base.header.styles))
    return Names((*base.header.genres, *genres), (*base.header.styles, *styles))
