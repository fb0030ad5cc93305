"""The progress of a training, written to the job's meta, where ``worker.training.client`` reads it.

The reports of the training's program (see ``training.job``) become the latest figures and a curve of bounded length.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from rq.job import Job

from worker.errors import QUEUE_UNAVAILABLE

logger = logging.getLogger(__name__)

MIN_PAUSE_SECONDS = 0.25
CURVE_POINTS = 240
"""A longer curve loses every second point; a plot a few hundred pixels wide shows no difference."""
FIGURES = ("progress", "update", "updates", "nll", "valid", "best", "seconds_left")


class TrainingProgress:
    """Takes each report of a training's program; writes at most four a second."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.written = 0.0
        self.curve: list[dict[str, Any]] = list(job.meta.get("curve", ()))
        self.min_distance = 1
        """Updates between two points, at least."""
        self.resumed = False

    def set_stage(self, name: str) -> None:
        """Enter a stage, ``preparing`` or ``training``."""
        if self.job.meta.get("stage") != name:
            self.job.meta["stage"] = name
            self.write()

    def report(self, message: dict[str, Any]) -> None:
        """Take one report with the current figures."""
        if not self.resumed:  # updates after the last snapshot of a killed attempt are done again
            self.curve = [point for point in self.curve if point["update"] < message["update"]]
            self.resumed = True
        self.job.meta["figures"] = {name: message.get(name) for name in FIGURES}
        self._extend_curve(message)
        self.set_stage("training")
        if time.monotonic() - self.written >= MIN_PAUSE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the current state."""
        self.written = time.monotonic()
        self.job.meta["curve"] = self.curve
        try:
            self.job.save_meta()  # type: ignore[no-untyped-call]
        except QUEUE_UNAVAILABLE:
            # The training goes on: the server may be back before it is finished.
            logger.warning("training %s: progress was not written, the Redis server is unavailable", self.job.id)

    def _extend_curve(self, message: dict[str, Any]) -> None:
        """Add a point at each validation, and in between where the last point is ``min_distance`` back."""
        valid = message["valid"] if message.get("validated") else None
        last = self.curve[-1]["update"] if self.curve else -self.min_distance
        if not valid and message["update"] - last < self.min_distance:
            return
        mean = sum(valid.values()) / len(valid) if valid else None
        self.curve.append({"update": message["update"], "nll": message["nll"], "valid": mean})
        if len(self.curve) > CURVE_POINTS:
            self.curve = self.curve[::2]
            self.min_distance *= 2
