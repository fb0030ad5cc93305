"""Terminal display of a training: a bar with nll, speed and time left, a line and a curve at each validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli.console import print_status

if TYPE_CHECKING:
    from rich.progress import Progress

    from training.finetune.finetune import FineTuningReport
    from training.trainer import Report

BLOCKS = "▁▂▃▄▅▆▇█"
CURVE_LENGTH = 40


class Display:
    """Called with each report of a training."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = bar.add_task("training", total=None, note="") if bar else None
        self._validated = -1
        self._curve: list[float] = []

    def note(self, text: str) -> None:
        """Write one line about the current step."""
        print_status(text)

    def __call__(self, report: Report) -> None:
        """Update the bar; print the figures of a new validation."""
        if report.validated_at > self._validated:
            self._validated = report.validated_at
            self._curve.append(sum(figures["nll"] for figures in report.valid.values()) / max(len(report.valid), 1))
            print_status(self._line(report))
            warn(report)
        if self._bar and self._task is not None:
            note = f"{report.nll:.3f} nats a note · {report.throughput:,.0f} notes/s · best {report.best:.3f}"
            curve = f" · {sparkline(self._curve)}" if len(self._curve) > 1 else ""
            self._bar.update(self._task, total=report.updates, completed=report.update, note=note + curve)

    def _line(self, report: Report) -> str:
        shown = ", ".join(f"{genre} {figures['nll']:.3f}" for genre, figures in report.valid.items())
        return (
            f"update {report.update}/{report.updates}: train {report.nll:.3f}, valid {shown}{forgetting(report)} "
            f"({report.throughput:,.0f} notes/s, {report.seconds_left / 60:.0f} min left) " + sparkline(self._curve)
        )


def forgetting(report: Report | FineTuningReport) -> str:
    """Copy rate of the sample songs and change of the old genres, when fine-tuning."""
    samples = getattr(report, "samples", None)
    if samples is None:
        return ""
    change = getattr(report, "old_change", 0.0)
    return f", copied {samples.copy_rate:.1%} (held-out pieces {samples.real_rate:.1%}), old genres {change:+.2%}"


def warn(report: Report | FineTuningReport) -> None:
    """Warn when sample songs copy training pieces."""
    samples = getattr(report, "samples", None)
    if samples is not None and samples.memorized:
        piece = f", most from {samples.nearest.name}" if samples.nearest else ""
        print_status(f"warning: its songs repeat training pieces more than held-out pieces do{piece}")


def sparkline(values: list[float]) -> str:
    """The last values as blocks, the highest ▇ and the lowest ▁; one value is a block of its own."""
    shown = values[-CURVE_LENGTH:]
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(BLOCKS[int((value - low) / span * (len(BLOCKS) - 1))] for value in shown)
