"""The licence of MIDI files: as given, else asked for on a terminal, else not stated."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

NOT_STATED = "not stated"


def stated_licence(given: str | None, source: Path) -> str:
    """The licence of the files in ``source``; asked for once, on stderr, where stdin is a terminal.

    Not asked for where a ``manifest.csv`` beside the files states it.
    """
    if given is not None:
        return given.strip() or NOT_STATED
    folder = source if source.is_dir() else source.parent
    if not sys.stdin.isatty() or (folder / "manifest.csv").is_file():
        return NOT_STATED
    answer: str = typer.prompt(f"Licence of the files in {source}", default=NOT_STATED, err=True)
    return answer.strip() or NOT_STATED
