"""How a training looks in the terminal: a bar with nll, notes a second and time left, a line at each validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli.console import tell

if TYPE_CHECKING:
    from rich.progress import Progress

    from training.loop import Report


class Display:
    """Called with each report of a training."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = bar.add_task("training", total=None, note="") if bar else None
        self._validated = -1

    def note(self, text: str) -> None:
        """A line about what is being done."""
        tell(text)

    def __call__(self, report: Report) -> None:
        """Move the bar; at a fresh validation print its figures."""
        if self._bar and self._task is not None:
            note = f"{report.nll:.3f} nats a note · {report.notes_per_second:,.0f} notes/s · best {report.best:.3f}"
            self._bar.update(self._task, total=report.updates, completed=report.update, note=note)
        if report.validated_at > self._validated:
            self._validated = report.validated_at
            shown = ", ".join(f"{genre} {figures['nll']:.3f}" for genre, figures in report.valid.items())
            tell(
                f"update {report.update}/{report.updates}: train {report.nll:.3f}, valid {shown} "
                f"({report.notes_per_second:,.0f} notes/s, {report.seconds_left / 60:.0f} min left)"
            )
