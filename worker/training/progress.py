"""The course of a training, written where ``worker.training.client`` reads it: the job's meta. Knows no network.

What the training's program says (see ``training.job``) is kept as the latest figures and a curve of bounded length.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from rq.job import Job

from worker.client import QUEUE_UNAVAILABLE

logger = logging.getLogger(__name__)

SHORTEST_PAUSE_SECONDS = 0.25
CURVE_POINTS = 240
"""A longer curve loses every second point; a plot a few hundred pixels wide shows no difference."""
FIGURES = ("progress", "update", "updates", "nll", "valid", "best", "seconds_left")


class TrainingProgress:
    """Hears each message of a training's program; writes a few a second."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.written = 0.0
        self.curve: list[dict[str, Any]] = list(job.meta.get("curve", ()))
        self.apart = 1
        """Updates between two points, at least."""
        self.resumed = False

    def stage(self, name: str) -> None:
        """A new stage, ``preparing`` or ``training``."""
        if self.job.meta.get("stage") != name:
            self.job.meta["stage"] = name
            self.write()

    def hear(self, message: dict[str, Any]) -> None:
        """One report: the figures of now."""
        if not self.resumed:  # what a killed attempt did after its last snapshot is done again
            self.curve = [point for point in self.curve if point["update"] < message["update"]]
            self.resumed = True
        self.job.meta["figures"] = {name: message.get(name) for name in FIGURES}
        self._bend(message)
        self.stage("training")
        if time.monotonic() - self.written >= SHORTEST_PAUSE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what is known now."""
        self.written = time.monotonic()
        self.job.meta["curve"] = self.curve
        try:
            self.job.save_meta()  # type: ignore[no-untyped-call]
        except QUEUE_UNAVAILABLE:
            # The training goes on: the server may be back before it is finished.
            logger.warning("training %s: its course could not be told, the server is gone", self.job.id)

    def _bend(self, message: dict[str, Any]) -> None:
        """One more point: at each validation, and in between where the last one is far enough back."""
        valid = message["valid"] if message.get("validated") else None
        last = self.curve[-1]["update"] if self.curve else -self.apart
        if not valid and message["update"] - last < self.apart:
            return
        mean = sum(valid.values()) / len(valid) if valid else None
        self.curve.append({"update": message["update"], "nll": message["nll"], "valid": mean})
        if len(self.curve) > CURVE_POINTS:
            self.curve = self.curve[::2]
            self.apart *= 2
