"""``riffbird train``: a checkpoint from MIDI, by a recipe. Needs the ``train`` extra (torch)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bot.cli.console import progress_bar, say, tell
from bot.cli.errors import CommandRefusedError

if TYPE_CHECKING:
    from training.devices import DeviceName

DEVICES = ("auto", "cpu", "cuda")


def train(
    genre: Annotated[
        str, typer.Option(help="Name of the genre that --midi holds; without --midi: of the recipe.")
    ] = "",
    midi: Annotated[
        Path | None, typer.Option(help="A folder or archive of MIDI files, or archives with a manifest.csv.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="A prepared corpus (riffbird corpus prepare), instead of --midi.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe file (default: the shipped checkpoint's).")] = None,
    base: Annotated[Path | None, typer.Option(help="A checkpoint to go on from.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The checkpoint to write (default: data/checkpoints/NAME.safetensors).")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Train this long; the schedule fits itself to it.")] = None,
    updates: Annotated[int | None, typer.Option(help="Train this many updates instead of the recipe's.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where this training was broken off.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="Let a worker of the service train, and wait for it.")] = False,
) -> None:
    """Train a network and write its checkpoint."""
    if queue:
        from bot.cli.train_queue import train_in_queue

        if corpus or recipe or base or resume or device != "auto":
            raise CommandRefusedError("--queue takes --genre, --midi, --minutes, --updates and --out, no other")
        say(str(train_in_queue(genre=genre, midi=midi, minutes=minutes, updates=updates, out=out)))
        return
    if find_spec("torch") is None:
        raise CommandRefusedError("training needs torch: pip install 'riffbird[train]'")
    if device not in DEVICES:
        raise CommandRefusedError(f"--device is one of {', '.join(DEVICES)}, not {device!r}")
    if (midi is None) == (corpus is None):
        raise CommandRefusedError(
            "train from one of --midi (files) and --corpus (prepared), not " + ("both" if midi else "neither")
        )
    if minutes is not None and minutes <= 0:
        raise CommandRefusedError(f"--minutes is above 0, not {minutes}")
    from bot.cli.train_display import Display
    from training.train import Order, run_training

    order = Order(
        genre=genre,
        midi=midi,
        corpus=corpus,
        recipe=recipe,
        base=base,
        out=out,
        minutes=minutes,
        updates=updates,
        device=cast("DeviceName", device),
        resume=resume,
    )
    with progress_bar() as bar:
        written = run_training(order, Display(bar))
    tell("done")
    say(str(written))
