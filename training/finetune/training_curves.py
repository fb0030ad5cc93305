"""Curves of a fine-tuning job, drawn into ``curves.png`` at each validation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from training.trainer import Report

CURVES_FILE = "curves.png"
TRAIN, VALID, REAL = "#8899aa", "#ff5c5c", "#4d9dff"


class CurvesCallback:
    """A report callback. ``start``: nll of the held-out pieces before the first update."""

    def __init__(self, folder: Path, start: float) -> None:
        self.folder, self.start = folder, start
        self._drawn = -1

    def __call__(self, report: Report) -> None:
        """Draw all validations so far after a new one."""
        history: list[dict[str, Any]] = getattr(report, "history", [])
        if not history or history[-1]["update"] == self._drawn:
            return
        self._drawn = history[-1]["update"]
        draw(history, self.start, self.folder / CURVES_FILE)


def draw(history: list[dict[str, Any]], start: float, path: Path) -> None:
    """Draw the curves of ``history`` as a PNG at ``path``."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    at = [moment["update"] for moment in history]
    genre = next(iter(history[-1]["valid"]))
    left.plot(at, [moment["train"] for moment in history], "o-", color=TRAIN, label="train")
    left.plot([0, *at], [start, *(m["valid"][genre]["nll"] for m in history)], "o-", color=VALID, label="held out")
    _label(left, "nats a note")
    middle.plot(at, [100 * moment["copy_rate"] for moment in history], "o-", color=VALID, label="songs")
    middle.axhline(100 * history[-1]["real_rate"], color=REAL, label="held-out pieces")
    _label(middle, "copied 12-note figures, %")
    right.plot(at, [100 * moment["old_change"] for moment in history], "o-", color=VALID, label="worst old genre")
    _label(right, "nll of the base's own songs, change in %")
    figure.savefig(path, dpi=100)


def _label(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("update")
    axes.legend(fontsize=8)
