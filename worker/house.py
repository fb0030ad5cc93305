"""Songs of the house: one of each genre, composed on an empty queue, so that the first visitor finds some to play.

They begin where the timeline is empty, go on over restarts until every genre has one, and give way to any request: a
worker that composes one drops it as soon as a job waits, and it is queued again later.
"""

from __future__ import annotations

import logging
import time

from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from composer.request import ComposeRequest
from midi_data.genres import GENRES
from worker.connection import Queues
from worker.errors import GaveWayError, QueueFullError
from worker.maintenance.periodic import PeriodicThread
from worker.queue.names import COMPOSE_QUEUE, SERIALIZER
from worker.queue.progress import Progress
from worker.queue.submission import submit
from worker.storage.timeline import TIMELINE_KEY

logger = logging.getLogger(__name__)

HOUSE_KEY = "riffbird:house"
"""Set of the genres whose song is made or given up; it exists once the house has begun."""
BEGUN = "begun"
GAVE_WAY = "gave way"
"""Outcome of a song of the house that was dropped for a request."""
JOB_PREFIX = "house-"
ROUND_SECONDS = 1.0
LOCK_SECONDS = 10.0
LOOK_SECONDS = 0.2
"""Between two looks at the queue while a song of the house is made."""
LENGTH_SECONDS = 30.0
TITLES = {
    "heavy-metal": "Thunder in the scrapyard",
    "rock": "Long road home",
    "blues": "Twelve bars before midnight",
    "jazz": "Smoke over the bridge",
    "pop": "Paper lanterns",
    "folk": "The miller's daughter",
    "classical": "Chorale for a quiet morning",
    "game": "Level one",
}


class HouseThread(PeriodicThread):
    """Submits one song of the house at a time, while no job waits and none is in hand."""

    def __init__(self, queues: Queues, pause_seconds: float = ROUND_SECONDS) -> None:
        super().__init__(queues, "house", pause_seconds, LOCK_SECONDS)

    def run_round(self) -> None:
        """Submit the next song of the house, if one is missing and no request waits."""
        if not self._is_idle() or not self._has_begun():
            return
        genre = next((each.name for each in GENRES if self._is_missing(each.name)), None)
        if genre is not None:
            self._submit(genre)

    def _is_idle(self) -> bool:
        queue = self.queues.compose_queue
        in_hand = self.queues.connection.zcard(queue.started_job_registry.key)
        return not in_hand and not self.queues.depth(COMPOSE_QUEUE) and self.queues.stats.worker_count() > 0

    def _has_begun(self) -> bool:
        """Whether the house plays: it begins, also for a second time, where the timeline is empty."""
        connection = self.queues.connection
        if connection.exists(HOUSE_KEY):
            return True
        if connection.zcard(TIMELINE_KEY):
            return False
        connection.sadd(HOUSE_KEY, BEGUN)
        return True

    def _is_missing(self, genre: str) -> bool:
        if self.queues.connection.sismember(HOUSE_KEY, genre):
            return False
        job_id = JOB_PREFIX + genre
        if self.queues.songs.knows(job_id) or self.queues.moderation.is_deleted(job_id) or self._is_given_up(job_id):
            self.queues.connection.sadd(HOUSE_KEY, genre)
            return False
        return True

    def _is_given_up(self, job_id: str) -> bool:
        """Whether the song was tried and cannot be made. One that gave way is forgotten, to be queued again."""
        try:
            job = Job.fetch(job_id, connection=self.queues.connection, serializer=SERIALIZER)
        except NoSuchJobError:
            return False
        if job.get_status(refresh=False) == JobStatus.FINISHED and has_given_way(job):
            job.delete()
            return False
        return job.get_status(refresh=False) in (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.CANCELED)

    def _submit(self, genre: str) -> None:
        request = ComposeRequest(title=TITLES.get(genre, ""), genres={genre: 1.0}, length_seconds=LENGTH_SECONDS)
        text = f"{request.title} /compose /g {genre} /l {LENGTH_SECONDS:g}".strip()
        try:
            submit(
                self.queues, request, job_id=JOB_PREFIX + genre, formats=self.queues.settings.formats, text=text,
                listed=True, house=True,
            )  # fmt: skip
        except QueueFullError:
            return
        logger.info("the house plays %s", genre)


class HouseProgress(Progress):
    """Progress of a song of the house. Raises ``GaveWayError`` once another job waits."""

    def __init__(self, job: Job, queues: Queues) -> None:
        super().__init__(job)
        self.queues = queues
        self.checked_at = 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        """Report, and look at the queue a few times a second."""
        super().__call__(stage, fraction)
        now = time.monotonic()
        if now - self.checked_at >= LOOK_SECONDS:
            self.checked_at = now
            if self.queues.depth(COMPOSE_QUEUE):
                raise GaveWayError


def has_given_way(job: Job) -> bool:
    """Whether the finished ``job`` was dropped for another one."""
    outcome = job.return_value()
    return isinstance(outcome, dict) and outcome.get("status") == GAVE_WAY
