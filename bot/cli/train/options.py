"""The options of ``riffbird train``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.errors import CommandRefusedError

DEVICES = ("auto", "cpu", "cuda")
NEEDED = ("torch", "matplotlib")

Genre = Annotated[str, typer.Option(help="Name of the genre to teach: lower-case letters, digits, hyphens.")]
Midi = Annotated[Path | None, typer.Option(help="A folder or archive of MIDI files, or archives with a manifest.csv.")]
Corpus = Annotated[Path | None, typer.Option(help="A prepared corpus (riffbird corpus prepare), instead of --midi.")]
Recipe = Annotated[
    Path | None, typer.Option(help="A recipe file (default: fine-tuning's, from scratch the shipped checkpoint's).")
]
Base = Annotated[Path | None, typer.Option(help="A checkpoint to go on from (default: the shipped one).")]
FromScratch = Annotated[
    bool, typer.Option("--from-scratch", help="Train a network anew instead of teaching a finished one.")
]
Out = Annotated[
    Path | None,
    typer.Option(help="The checkpoint to write (default: a genre goes among your genres, see riffbird genres)."),
]
Minutes = Annotated[float | None, typer.Option(help="Train this long; the schedule fits itself to it (teaching: 15).")]
Updates = Annotated[int | None, typer.Option(help="Train this many updates instead of the recipe's.")]
Licence = Annotated[
    str | None, typer.Option(help="Licence of the files; stays with the genre (default: asked for, or not stated).")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where this training was broken off.")]
Processes = Annotated[
    int, typer.Option(help="Processes (one a GPU with cuda) that train one network together, from a --corpus.")
]
TensorBoard = Annotated[Path | None, typer.Option(help="Folder for TensorBoard's log (default: no log).")]
InQueue = Annotated[bool, typer.Option("--queue", help="Let a worker of the service train, and wait for it.")]


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
