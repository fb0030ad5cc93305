"""TensorBoard's log of a training: nats a note by genre and field, in training and on held-out pieces, and speed.

Written where it is asked for; needs the ``tensorboard`` extra. Knows reports; nothing of what is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from training.trainer import Report

EVERY = 20
"""Updates between two entries of what can be said at each."""


class EventsLog:
    """Called with each report; entries stand at the number of updates. Raises ``TrainingError`` without TensorBoard."""

    def __init__(self, folder: Path) -> None:
        if find_spec("tensorboard") is None:
            raise TrainingError("--tensorboard needs tensorboard: pip install 'riffbird[tensorboard]'")
        self._folder, self._validated = folder, -1
        self._log: SummaryWriter | None = None

    def __call__(self, report: Report) -> None:
        """Write what is new."""
        validated = report.validated_at > self._validated
        if not validated and report.update % EVERY:
            return
        scalars = running_scalars(report)
        if validated:
            self._validated = report.validated_at
            scalars |= valid_scalars(report)
        log = self._opened(report.update)
        for name, value in scalars.items():
            log.add_scalar(name, value, report.update)
        log.flush()

    def _opened(self, update: int) -> SummaryWriter:
        if self._log is None:
            from torch.utils.tensorboard import SummaryWriter

            # A training that was taken up again: what it wrote after its snapshot did not happen.
            self._log = SummaryWriter(str(self._folder), purge_step=update)
        return self._log

    def close(self) -> None:
        """Nothing follows."""
        if self._log:
            self._log.close()


def running_scalars(report: Report) -> dict[str, float]:
    """What every report knows, by the names it is logged under."""
    scalars = {"train/nll": report.nll, "speed/notes_per_second": report.notes_per_second}
    if report.of_bare_lstm is not None:
        scalars["speed/of_bare_lstm"] = report.of_bare_lstm
    return scalars | _by_genre("train", report.train)


def valid_scalars(report: Report) -> dict[str, float]:
    """The figures of a fresh validation; a lesson's say more."""
    scalars = {"valid/best": report.best} | _by_genre("valid", report.valid)
    history: list[dict[str, Any]] = getattr(report, "history", [])
    more = history[-1] if history else {}
    return scalars | {f"lesson/{name}": more[name] for name in ("copy_rate", "old_change") if name in more}


def _by_genre(kind: str, figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {f"{kind}/{genre}/{name}": value for genre, each in figures.items() for name, value in each.items()}
