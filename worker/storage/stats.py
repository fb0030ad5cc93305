"""Counters of the whole service and the processes that are alive, kept in Redis because many processes count.

Times are those of the Redis server's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from redis import Redis

from worker.server_time import server_time

STATS_KEY = "riffbird:stats"
COMPOSE_WORKERS = "riffbird:workers"
TRAIN_WORKERS = "riffbird:trainers"
BOTS = "riffbird:bot-processes"
COMPOSERS = "riffbird:composers"
"""Sorted sets of live processes by kind: name → when it counts as dead. Trainers never count for songs."""
COMPOSING_KEY = "riffbird:composing:"
PROCESSES_KEY = "riffbird:process:"
DEFAULT_SONG_SECONDS = 10.0
"""Expected seconds a song before the first one was measured."""
WEIGHT_OF_LATEST = 0.2
PREFIXES = ("outcome:", "failure:", "seconds:", "songs:", "training:")

BEAT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return now
"""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts since the Redis data began. ``stages``: name → (songs, seconds)."""

    outcomes: dict[str, int] = field(default_factory=dict)
    stages: dict[str, tuple[int, float]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    trainings: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What one process uses: resident memory in bytes, processor time in seconds."""

    role: str
    name: str
    resident_bytes: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Composing:
    """A composing process: what computes where, and how many ``songs`` it has in hand, at most ``limit``."""

    name: str
    backend: str
    device: str
    songs: int
    limit: int


class Stats:
    """Counts and reads back. All counters are fields of one Redis hash, incremented atomically."""

    def __init__(self, connection: Redis) -> None:
        self.connection = connection
        self._beat = connection.register_script(BEAT)

    def count_outcome(self, outcome: str) -> None:
        """Count a song that ended as ``done``, ``refused`` or ``failed``."""
        self.connection.hincrby(STATS_KEY, f"outcome:{outcome}", 1)

    def count_training(self, outcome: str) -> None:
        """Count a training that ended as ``done``, ``refused``, ``cancelled`` or ``failed``."""
        self.connection.hincrby(STATS_KEY, f"training:{outcome}", 1)

    def count_failure(self, kind: str) -> None:
        """Count an error of ``kind`` (an exception's name), whether the job was retried or not."""
        self.connection.hincrby(STATS_KEY, f"failure:{kind}", 1)

    def add_stage(self, stage: str, seconds: float) -> None:
        """Add the ``seconds`` that one song spent in ``stage``."""
        with self.connection.pipeline() as pipe:
            pipe.hincrbyfloat(STATS_KEY, f"seconds:{stage}", max(0.0, seconds))
            pipe.hincrby(STATS_KEY, f"songs:{stage}", 1)
            pipe.execute()

    def update_mean_seconds(self, seconds: float) -> None:
        """Update the running mean of a worker's seconds a song (exponential, weight 0.2)."""
        mean = self.seconds_per_song() * (1 - WEIGHT_OF_LATEST) + seconds * WEIGHT_OF_LATEST
        self.connection.hset(STATS_KEY, "pace", mean)

    def seconds_per_song(self) -> float:
        """Expected seconds of a worker for one song."""
        known = cast("bytes | None", self.connection.hget(STATS_KEY, "pace"))
        return DEFAULT_SONG_SECONDS if known is None else float(known)

    def read(self) -> Statistics:
        """All counters."""
        raw = cast("dict[bytes, bytes]", self.connection.hgetall(STATS_KEY))
        entries = {key.decode(): float(value) for key, value in raw.items()}
        outcomes, failures, seconds, songs, trainings = (_stripped(entries, prefix) for prefix in PREFIXES)
        return Statistics(
            outcomes=_whole(outcomes),
            failures=_whole(failures),
            trainings=_whole(trainings),
            stages={name: (int(songs.get(name, 0)), spent) for name, spent in seconds.items()},
        )

    def beat(self, process: str, ttl_seconds: float, key: str = COMPOSE_WORKERS) -> None:
        """``process`` is alive and counts as dead ``ttl_seconds`` from now, unless it beats again."""
        self._beat(keys=[key], args=[process, ttl_seconds])

    def remove(self, process: str, key: str = COMPOSE_WORKERS) -> None:
        """``process`` has ended."""
        self.connection.zrem(key, process)

    def worker_count(self, key: str = COMPOSE_WORKERS) -> int:
        """Number of live processes of one kind."""
        return self.connection.zcount(key, server_time(self.connection), "+inf")

    def names(self, *keys: str) -> list[str]:
        """Live processes of the kinds ``keys``; by default all workers."""
        now = server_time(self.connection)
        known = (self.connection.zrangebyscore(key, now, "+inf") for key in keys or (COMPOSE_WORKERS, TRAIN_WORKERS))
        return [raw.decode() for names in known for raw in cast("list[bytes]", names)]

    def report(self, use: ProcessUse, ttl_seconds: int) -> None:
        """Publish what a process uses, for ``ttl_seconds``."""
        fields = {"role": use.role, "resident": use.resident_bytes, "cpu": use.cpu_seconds}
        with self.connection.pipeline() as pipe:
            pipe.hset(PROCESSES_KEY + use.name, mapping=fields)  # type: ignore[arg-type]
            pipe.expire(PROCESSES_KEY + use.name, ttl_seconds)
            pipe.execute()

    def report_composing(self, state: Composing, ttl_seconds: int) -> None:
        """Publish what a composing process does, for ``ttl_seconds``."""
        fields = {"backend": state.backend, "device": state.device, "songs": state.songs, "limit": state.limit}
        with self.connection.pipeline() as pipe:
            pipe.hset(COMPOSING_KEY + state.name, mapping=fields)  # type: ignore[arg-type]
            pipe.expire(COMPOSING_KEY + state.name, ttl_seconds)
            pipe.execute()

    def composing(self) -> list[Composing]:
        """What each live composing process does."""
        found = []
        for name in self.names(COMPOSERS):
            raw = cast("dict[bytes, bytes]", self.connection.hgetall(COMPOSING_KEY + name))
            if raw:
                device, backend = raw[b"device"].decode(), raw[b"backend"].decode()
                found.append(Composing(name, backend, device, int(raw[b"songs"]), int(raw[b"limit"])))
        return found

    def processes(self) -> list[ProcessUse]:
        """What each live worker and bot uses, as it last reported."""
        names = self.names(COMPOSE_WORKERS, TRAIN_WORKERS, BOTS)
        with self.connection.pipeline() as pipe:
            for name in names:
                pipe.hgetall(PROCESSES_KEY + name)
            found = cast("list[dict[bytes, bytes]]", pipe.execute())
        return [
            ProcessUse(raw[b"role"].decode(), name, int(raw[b"resident"]), float(raw[b"cpu"]))
            for name, raw in zip(names, found, strict=True)
            if raw
        ]


def _stripped(entries: dict[str, float], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): value for name, value in entries.items() if name.startswith(prefix)}


def _whole(counts: dict[str, float]) -> dict[str, int]:
    return {name: int(value) for name, value in counts.items()}
