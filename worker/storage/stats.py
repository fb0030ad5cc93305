"""Counters of the whole service, kept in Redis because many processes count: songs, seconds by stage, faults by kind.

Whoever shows them (Prometheus or a person) is elsewhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import cast

from redis import Redis

STATS_KEY = "riffbird:stats"
COMPOSE_WORKERS = "riffbird:workers"
TRAIN_WORKERS = "riffbird:trainers"
"""Where workers say that they live. Those of trainings stand apart: no song waits for them."""
FIRST_GUESS_SECONDS = 10.0
"""Expected seconds a song, until the first one was measured."""
WEIGHT_OF_LATEST = 0.2
PREFIXES = ("outcome:", "failure:", "seconds:", "songs:", "training:")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What has happened since the Redis data began. ``stages``: name → (songs, seconds)."""

    outcomes: dict[str, int] = field(default_factory=dict)
    stages: dict[str, tuple[int, float]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    trainings: dict[str, int] = field(default_factory=dict)


class Stats:
    """Counts and reads back. All of it in one Redis hash, incremented atomically."""

    def __init__(self, connection: Redis) -> None:
        self.connection = connection

    def count_outcome(self, outcome: str) -> None:
        """One more song ``done``, ``refused`` or ``failed``."""
        self.connection.hincrby(STATS_KEY, f"outcome:{outcome}", 1)

    def count_training(self, outcome: str) -> None:
        """One more training ``done``, ``refused``, ``cancelled`` or ``failed``."""
        self.connection.hincrby(STATS_KEY, f"training:{outcome}", 1)

    def count_failure(self, kind: str) -> None:
        """One more fault of ``kind`` (an exception's name), whether it was retried or not."""
        self.connection.hincrby(STATS_KEY, f"failure:{kind}", 1)

    def add_stage(self, stage: str, seconds: float) -> None:
        """A song spent ``seconds`` in ``stage``."""
        with self.connection.pipeline() as pipe:
            pipe.hincrbyfloat(STATS_KEY, f"seconds:{stage}", max(0.0, seconds))
            pipe.hincrby(STATS_KEY, f"songs:{stage}", 1)
            pipe.execute()

    def update_mean_seconds(self, seconds: float) -> None:
        """A song took ``seconds`` of a worker: moves the expectation a fifth of the way there."""
        mean = self.seconds_per_song() * (1 - WEIGHT_OF_LATEST) + seconds * WEIGHT_OF_LATEST
        self.connection.hset(STATS_KEY, "pace", mean)

    def seconds_per_song(self) -> float:
        """Seconds of a worker that a song is expected to take."""
        known = cast("bytes | None", self.connection.hget(STATS_KEY, "pace"))
        return FIRST_GUESS_SECONDS if known is None else float(known)

    def read(self) -> Statistics:
        """All counters."""
        raw = cast("dict[bytes, bytes]", self.connection.hgetall(STATS_KEY))
        entries = {key.decode(): float(value) for key, value in raw.items()}
        by_kind = {prefix: _stripped(entries, prefix) for prefix in PREFIXES}
        return Statistics(
            outcomes={name: int(value) for name, value in by_kind["outcome:"].items()},
            failures={name: int(value) for name, value in by_kind["failure:"].items()},
            trainings={name: int(value) for name, value in by_kind["training:"].items()},
            stages={name: (int(by_kind["songs:"].get(name, 0)), s) for name, s in by_kind["seconds:"].items()},
        )

    def beat(self, worker: str, ttl_seconds: float, key: str = COMPOSE_WORKERS) -> None:
        """``worker`` lives, and will say so again within ``ttl_seconds``."""
        now = time.time()
        with self.connection.pipeline() as pipe:
            pipe.zadd(key, {worker: now + ttl_seconds})
            pipe.zremrangebyscore(key, "-inf", now)
            pipe.execute()

    def leave(self, worker: str, key: str = COMPOSE_WORKERS) -> None:
        """``worker`` ends in good order."""
        self.connection.zrem(key, worker)

    def worker_count(self, key: str = COMPOSE_WORKERS) -> int:
        """Workers that live now."""
        return self.connection.zcount(key, time.time(), "+inf")

    def names(self) -> list[str]:
        """The workers of either kind that live now."""
        known = (self.connection.zrangebyscore(key, time.time(), "+inf") for key in (COMPOSE_WORKERS, TRAIN_WORKERS))
        return [raw.decode() for names in known for raw in cast("list[bytes]", names)]


def _stripped(entries: dict[str, float], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): value for name, value in entries.items() if name.startswith(prefix)}
