"""How far a job is, written to its meta, where ``worker.client.fetch_state`` reads it."""

from __future__ import annotations

import logging
import time

from rq.job import Job

from worker.errors import QUEUE_UNAVAILABLE

logger = logging.getLogger(__name__)

MIN_PAUSE_SECONDS = 0.1
"""Between two writes within a stage: ten a second look smooth and cost Redis nothing."""


class Progress:
    """Called with (stage, fraction 0–1 within the stage); writes each new stage and a few fractions of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stage = ""
        self.written = 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        """Report that ``fraction`` of ``stage`` is done; most calls write nothing."""
        now = time.monotonic()
        if stage == self.stage and now - self.written < MIN_PAUSE_SECONDS:
            return
        self.stage, self.written = stage, now
        self.job.meta.update(stage=stage, fraction=round(min(1.0, max(0.0, fraction)), 3))
        try:
            self.job.save_meta()  # type: ignore[no-untyped-call]
        except QUEUE_UNAVAILABLE:
            # The song goes on: the server may be back before it is finished.
            logger.warning("song %s: progress was not written, the Redis server is unavailable", self.job.id)
