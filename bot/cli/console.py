"""The one place that writes to the terminal. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_BETWEEN_DRAWINGS = 0.1


def say(text: str = "") -> None:
    """Print a line of the result; characters that the terminal's encoding lacks become ``?``."""
    sys.stdout.write(_encodable(text, sys.stdout.encoding) + "\n")


def say_json(value: Any) -> None:
    """Print one JSON object on one line of the result, escaped where the terminal's encoding is not UTF-8."""
    say(json.dumps(value, ensure_ascii=(sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")))


def tell(text: str) -> None:
    """A line for the person, beside the result."""
    sys.stderr.write(_encodable(text, sys.stderr.encoding) + "\n")
    sys.stderr.flush()


def _encodable(text: str, encoding: str | None) -> str:
    encoding = encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain table as the result: first column left, others right."""
    cells = [list(headings), *([format_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    for row in cells:
        first, *rest = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        say("  ".join([first, *rest]).rstrip())


def format_cell(cell: object) -> str:
    """Numbers with three decimals at most."""
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A progress display on stderr where that is a terminal, else nothing.

    It is drawn when it is told something, not by a thread of its own: a process with threads is not forked, and songs
    are composed by forked processes (``composer.decoding.parallel``).
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    class Drawn(Progress):
        drawn = 0.0

        def update(self, task_id: TaskID, **told: Any) -> None:
            due = time.monotonic() - self.drawn > SECONDS_BETWEEN_DRAWINGS
            super().update(task_id, refresh=due, **told)
            if due:
                self.drawn = time.monotonic()

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    with Drawn(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        yield bar
