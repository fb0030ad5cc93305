"""Deletes what is past its time: songs, RQ's registries of old jobs, folders that killed processes left behind."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

from rq import Queue

from worker.connection import Queues
from worker.maintenance.periodic import PeriodicThread
from worker.queue.names import COMPOSE_QUEUE, TRAIN_QUEUE
from worker.server_time import server_time
from worker.settings import SCRATCH_PREFIX

logger = logging.getLogger(__name__)

ROUND_SECONDS = 60.0
LOCK_SECONDS = 600.0
INDEX_KEY = "riffbird:media-index"
INDEX_SECONDS = 6 * 3600
"""The media store is compared with Redis this often, and at once after Redis has lost its data."""


class HousekeepingThread(PeriodicThread):
    """One round a minute."""

    def __init__(self, queues: Queues, pause_seconds: float = ROUND_SECONDS) -> None:
        super().__init__(queues, "housekeeping", pause_seconds, LOCK_SECONDS)

    def run_round(self) -> None:
        """Delete what is past its time."""
        self._index_media()
        for name in (COMPOSE_QUEUE, TRAIN_QUEUE):
            _trim_registries(self.queues.queue(name), server_time(self.queues.connection))
        expired = self.queues.songs.expire()
        if expired:
            logger.info("%d songs expired", expired)
        settings = self.queues.settings
        _sweep(settings.scratch_dir, f"{SCRATCH_PREFIX}*", 2 * settings.job_timeout_seconds)
        _sweep(settings.trainings_dir, "*", 2 * settings.train_timeout_seconds)

    def _index_media(self) -> None:
        """Register songs that Redis does not know, so that they expire too."""
        if self.queues.connection.exists(INDEX_KEY):
            return
        found = self.queues.songs.reindex()
        self.queues.connection.set(INDEX_KEY, 1, ex=INDEX_SECONDS)  # not where the store could not be read
        if found:
            logger.info("%d songs of the media store were registered again", found)


def _trim_registries(queue: Queue, now: float) -> None:
    """Trim finished and failed jobs, but not started ones: those are rescued by lease, not by clock."""
    queue.finished_job_registry.cleanup(now)
    queue.failed_job_registry.cleanup(now)


def _sweep(folder: Path, pattern: str, age_seconds: float) -> None:
    """Delete folders in ``folder`` named like ``pattern`` in which nothing has changed for ``age_seconds``."""
    for left in folder.glob(pattern) if folder.exists() else ():
        if time.time() - max(_changed(path) for path in (left, *left.rglob("*"))) > age_seconds:
            shutil.rmtree(left, ignore_errors=True)


def _changed(path: Path) -> float:
    """When ``path`` was last changed; 0 if it has gone meanwhile."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
