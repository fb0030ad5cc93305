"""``riffbird train``: a genre from MIDI, or a network anew by a recipe. Needs the ``train`` extra (torch)."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bot.cli.console import print_result, print_status, progress_bar
from bot.cli.errors import CommandRefusedError
from bot.cli.train.licences import NOT_STATED, stated_licence

if TYPE_CHECKING:
    from training.devices import DeviceName

DEVICES = ("auto", "cpu", "cuda")
NEEDED = ("torch", "matplotlib")


def train(
    genre: Annotated[str, typer.Option(help="Name of the genre to teach: lower-case letters, digits, hyphens.")] = "",
    midi: Annotated[
        Path | None, typer.Option(help="A folder or archive of MIDI files, or archives with a manifest.csv.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="A prepared corpus (riffbird corpus prepare), instead of --midi.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe file (default: the lesson's, from scratch the shipped checkpoint's).")
    ] = None,
    base: Annotated[Path | None, typer.Option(help="A checkpoint to go on from (default: the shipped one).")] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Train a network anew instead of teaching a finished one.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="The checkpoint to write (default: a genre goes among your genres, see riffbird genres)."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Train this long; the schedule fits itself to it (teaching: 15).")
    ] = None,
    updates: Annotated[int | None, typer.Option(help="Train this many updates instead of the recipe's.")] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the files; stays with the genre (default: asked for, or not stated).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where this training was broken off.")] = False,
    processes: Annotated[
        int, typer.Option(help="Processes (one a GPU with cuda) that train one network together, from a --corpus.")
    ] = 1,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard's log (default: no log).")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Let a worker of the service train, and wait for it.")] = False,
) -> None:
    """Teach the band a genre from MIDI files, or train a network anew."""
    if queue:
        from bot.cli.train.remote import train_in_queue

        if corpus or recipe or base or from_scratch or resume or tensorboard or processes != 1 or device != "auto":
            raise CommandRefusedError("--queue takes --genre, --midi, --minutes, --updates, --licence, --out, no other")
        told = stated_licence(licence, midi) if midi else NOT_STATED
        print_result(
            str(train_in_queue(genre=genre, midi=midi, minutes=minutes, updates=updates, licence=told, out=out))
        )
        return
    check(midi, corpus, device, minutes, updates)
    from bot.cli.train.display import Display
    from training.distributed import is_first_process
    from training.request import TrainingRequest, check_processes, config_of
    from training.train import run_training

    request = TrainingRequest(
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
        from_scratch=from_scratch,
        licence=stated_licence(licence, midi) if midi else NOT_STATED,
        tensorboard=tensorboard,
    )
    if processes != 1:
        from training.launch import become_processes, without

        check_processes(request, config_of(request), processes)
        become_processes("bot.cli.main", without(sys.argv[1:], "--processes"), processes)
    with progress_bar() as bar:
        written = run_training(request, Display(bar))
    if is_first_process():
        print_status("done")
        print_result(str(written))


def check(midi: Path | None, corpus: Path | None, device: str, minutes: float | None, updates: int | None) -> None:
    """Raise ``CommandRefusedError`` for flags that cannot be meant."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise CommandRefusedError(f"training needs {', '.join(missing)}: pip install 'riffbird[train]'")
    if device not in DEVICES:
        raise CommandRefusedError(f"--device is one of {', '.join(DEVICES)}, not {device!r}")
    if (midi is None) == (corpus is None):
        raise CommandRefusedError(
            "train from one of --midi (files) and --corpus (prepared), not " + ("both" if midi else "neither")
        )
    if minutes is not None and minutes <= 0:
        raise CommandRefusedError(f"--minutes is above 0, not {minutes}")
    if updates is not None and updates < 1:
        raise CommandRefusedError(f"--updates is 1 at least, not {updates}")
