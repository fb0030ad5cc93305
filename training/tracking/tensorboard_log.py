"""TensorBoard log of a training: nats a note by genre and field, in training and validation, and throughput.

Needs the ``tensorboard`` extra.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from training.request import TrainingCallback
    from training.trainer import Report

EVERY = 20
"""Updates between two entries of the running figures."""


class TensorBoardCallback:
    """A training callback that logs each report and passes it on to ``callback``.

    Raises ``TrainingError`` without TensorBoard.
    """

    def __init__(self, folder: Path, callback: TrainingCallback) -> None:
        if find_spec("tensorboard") is None:
            raise TrainingError("--tensorboard needs tensorboard: pip install 'riffbird[tensorboard]'")
        self.note, self._callback = callback.note, callback
        self._folder, self._validated = folder, -1
        self._writer: SummaryWriter | None = None

    def __call__(self, report: Report) -> None:
        """Log ``report`` if it is due, and pass it on."""
        validated = report.validated_at > self._validated
        if validated or report.update % EVERY == 0:
            self._validated = report.validated_at
            self._write(report, running_scalars(report) | (valid_scalars(report) if validated else {}))
        self._callback(report)

    def _write(self, report: Report, scalars: Mapping[str, float]) -> None:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # After resuming, entries behind the snapshot are from updates that were lost.
            self._writer = SummaryWriter(str(self._folder), purge_step=report.update)
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, report.update)
        self._writer.flush()

    def close(self) -> None:
        """Close the log."""
        if self._writer:
            self._writer.close()


def running_scalars(report: Report) -> dict[str, float]:
    """Figures of every report, by their names in the log."""
    scalars = {"train/nll": report.nll, "speed/notes_per_second": report.throughput}
    return scalars | _by_genre("train", report.train)


def valid_scalars(report: Report) -> dict[str, float]:
    """Figures of a validation, with those of fine-tuning if there are any."""
    scalars = {"valid/best": report.best} | _by_genre("valid", report.valid)
    history: list[dict[str, Any]] = getattr(report, "history", [])
    last = history[-1] if history else {}
    return scalars | {f"finetuning/{name}": last[name] for name in ("copy_rate", "old_change") if name in last}


def _by_genre(kind: str, figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {f"{kind}/{genre}/{name}": value for genre, each in figures.items() for name, value in each.items()}
