"""Deleting a song in any state: waiting, being made, or finished."""

from __future__ import annotations

from rq.exceptions import NoSuchJobError
from rq.job import Job

from worker.connection import Queues
from worker.queue.names import COMPOSE_QUEUE, SERIALIZER
from worker.queue.state import WAITING_STATUSES


def delete_song(queues: Queues, job_id: str) -> None:
    """Delete a song's job, files and facts. A worker that is making it discards it (``worker.jobs``)."""
    queues.moderation.mark_deleted(job_id, queues.settings.media_ttl_seconds)
    try:
        job = Job.fetch(job_id, connection=queues.connection, serializer=SERIALIZER)
        if job.origin == COMPOSE_QUEUE and job.get_status() in WAITING_STATUSES:
            job.cancel()
    except NoSuchJobError:
        pass  # finished long ago: only its files are left
    queues.songs.delete(job_id)
