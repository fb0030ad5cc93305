"""The connection to the queue's server and everything that is reached through it.

Importable without torch, numpy or a web framework. Knows nothing of people or platforms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry as ConnectionRetry
from rq import Queue
from rq.timeouts import JobTimeoutException

from composer.errors import RenderError
from worker.settings import Settings
from worker.storage.media import Media
from worker.storage.songs import SongStore
from worker.storage.stats import Stats

COMPOSE_QUEUE = "compose"
REPLY_QUEUE = "reply"
TRAIN_QUEUE = "train"
SERIALIZER = "json"
"""JSON on queue and worker: a pickle would let whoever writes to Redis run code in the workers."""
QUEUE_UNAVAILABLE = (RedisConnectionError, RedisTimeoutError)
"""What calls raise while the server cannot be reached."""
TRANSIENT_ERRORS = (OSError, MemoryError, RenderError, JobTimeoutException, *QUEUE_UNAVAILABLE)
"""Faults of the moment: a full disk, a lost server, a machine under load."""


@dataclass(frozen=True)
class Queues:
    """One connection and all that is reached through it. Safe to share between threads."""

    connection: Redis
    settings: Settings

    def queue(self, name: str) -> Queue:
        """The RQ queue ``name``."""
        return Queue(name, connection=self.connection, serializer=SERIALIZER)

    @cached_property
    def compose_queue(self) -> Queue:
        """Made once: RQ asks a new queue object's server for its version."""
        return self.queue(COMPOSE_QUEUE)

    def position(self, job_id: str, queue_name: str = COMPOSE_QUEUE) -> int:
        """1 for the job that is next, 0 for one that does not wait."""
        index = self.connection.lpos(Queue.redis_queue_namespace_prefix + queue_name, job_id)
        return index + 1 if isinstance(index, int) else 0

    @cached_property
    def stats(self) -> Stats:
        """Counters of the whole service."""
        return Stats(self.connection)

    @cached_property
    def media(self) -> Media:
        """The store of songs' files."""
        return Media(self.settings.media_location)

    @cached_property
    def songs(self) -> SongStore:
        """Finished songs."""
        return SongStore(self.connection, self.media, self.settings.media_ttl_seconds)

    def depth(self, name: str) -> int:
        """Jobs waiting in the queue ``name``."""
        return int(self.queue(name).count)

    def eta_seconds(self, position: int) -> int:
        """Seconds until the song at ``position`` (0: being played) is expected to be there."""
        turns = math.ceil(max(position, 1) / max(1, self.stats.worker_count()))
        return math.ceil((turns + (position > 0)) * self.stats.seconds_per_song())


def connect(settings: Settings) -> Queues:
    """Queues over the server of ``settings``. Nothing is sent until the first use; a lost server shows in seconds."""
    connection = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=ConnectionRetry(NoBackoff(), 1),
        health_check_interval=30,
    )
    return Queues(connection, settings)
