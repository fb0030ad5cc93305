"""The connection to the Redis server, and the queues, counters and songs that are reached through it.

Importable without torch, numpy or a web framework.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import DefaultParser
from redis.retry import Retry as ConnectionRetry
from rq import Queue
from rq.timeouts import JobTimeoutException

from composer.errors import RenderError
from worker.errors import QUEUE_UNAVAILABLE, TrainerLostError, WritesRefusedError
from worker.queue.names import COMPOSE_QUEUE, SERIALIZER
from worker.settings import Settings
from worker.storage.media import Media
from worker.storage.moderation import Moderation
from worker.storage.songs import SongStore
from worker.storage.stats import Stats

TRANSIENT_ERRORS = (OSError, MemoryError, RenderError, TrainerLostError, JobTimeoutException, *QUEUE_UNAVAILABLE)
"""Errors after which a job is tried again: a full disk, a lost server, a timeout."""


class _Parser(DefaultParser):  # type: ignore[misc, valid-type]
    """Gives the refusals that redis-py leaves as plain ``ResponseError`` a class of their own."""

    EXCEPTION_CLASSES = {  # noqa: RUF012  the base class declares it so
        **DefaultParser.EXCEPTION_CLASSES, "MISCONF": WritesRefusedError, "NOREPLICAS": WritesRefusedError,
    }  # fmt: skip


@dataclass(frozen=True)
class Queues:
    """One connection and what is reached through it. Safe to share between threads."""

    connection: Redis
    settings: Settings

    def queue(self, name: str) -> Queue:
        """The RQ queue ``name``."""
        return Queue(name, connection=self.connection, serializer=SERIALIZER)

    @cached_property
    def compose_queue(self) -> Queue:
        """The queue of songs, cached: a new RQ queue object asks the server for its version."""
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
    def moderation(self) -> Moderation:
        """The operator's decisions."""
        return Moderation(self.connection)

    @cached_property
    def songs(self) -> SongStore:
        """Finished songs."""
        return SongStore(self.connection, self.media, self.settings.media_ttl_seconds, self.settings.songs_limit)

    def depth(self, name: str) -> int:
        """Number of jobs waiting in the queue ``name``."""
        return int(self.connection.llen(Queue.redis_queue_namespace_prefix + name))

    def check_writable(self) -> None:
        """Write a probe. Raises one of ``QUEUE_UNAVAILABLE`` where the server is gone or refuses writes."""
        self.connection.set("riffbird:probe", 1, ex=60)

    def eta_seconds(self, position: int) -> int:
        """Expected seconds until the song at ``position`` (0: being composed) is done."""
        turns = math.ceil(max(position, 1) / max(1, self.stats.worker_count()))
        return math.ceil((turns + (position > 0)) * self.stats.seconds_per_song())


def open_connection(settings: Settings, **options: Any) -> Redis:
    """A Redis client for the server of ``settings``. Nothing is sent before the first command.

    A lost server raises within seconds: socket timeout 5 s, connect timeout 2 s, one retry. ``options`` go to redis-py.
    """
    password = settings.redis_password.get_secret_value() if settings.redis_password else None
    defaults: dict[str, Any] = {
        "password": password,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "retry": ConnectionRetry(NoBackoff(), 1),
        "health_check_interval": 30,
        "protocol": 2,
        "parser_class": _Parser,
    }
    return Redis.from_url(settings.redis_url.get_secret_value(), **(defaults | options))


def connect(settings: Settings) -> Queues:
    """Queues over the server of ``settings``."""
    return Queues(open_connection(settings), settings)
