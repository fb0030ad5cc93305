"""Terminal output: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

REFRESH_SECONDS = 0.1


def print_result(text: str = "") -> None:
    """Print a line of the result; characters that the terminal's encoding lacks become ``?``."""
    sys.stdout.write(_encodable(text, sys.stdout.encoding) + "\n")


def print_json(value: Any) -> None:
    """Print one JSON object on one line of the result, escaped where the terminal's encoding is not UTF-8."""
    print_result(json.dumps(value, ensure_ascii=(sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")))


def print_status(text: str) -> None:
    """Write one line about the progress to stderr."""
    sys.stderr.write(_encodable(text, sys.stderr.encoding) + "\n")
    sys.stderr.flush()


def _encodable(text: str, encoding: str | None) -> str:
    encoding = encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a plain table to stdout: first column left, others right."""
    cells = [list(headings), *([format_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    for row in cells:
        first, *rest = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print_result("  ".join([first, *rest]).rstrip())


def format_cell(cell: object) -> str:
    """``cell`` as text; floats have three decimals."""
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A progress display on stderr where that is a terminal, else ``None``.

    It is drawn at updates, not by a thread: songs are composed by forked processes, and a process with threads is not
    forked safely.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    class UpdatedProgress(Progress):
        drawn_at = 0.0

        def update(self, task_id: TaskID, **fields: Any) -> None:
            due = time.monotonic() - self.drawn_at > REFRESH_SECONDS
            super().update(task_id, refresh=due, **fields)
            if due:
                self.drawn_at = time.monotonic()

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    with UpdatedProgress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        yield bar
