"""What the bots of all networks have counted in Redis, for `/metrics`. Reads only; any API process can do it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from worker.client import server_time

NETWORKS_KEY = "riffbird:bots"


@dataclass(frozen=True, slots=True)
class BotFigures:
    """One network's bot: its counters by name, replies owed, seconds since its loop last ran."""

    network: str
    counters: dict[str, int]
    owed: int
    idle_seconds: float


def read_bots(connection: Redis) -> list[BotFigures]:
    """Figures of every network on which a bot ever ran. Raises one of ``QUEUE_UNAVAILABLE``."""
    now = server_time(connection)
    networks = sorted(_text(name) for name in cast("Iterable[Any]", connection.smembers(NETWORKS_KEY)))
    return [_read_bot(connection, network, now) for network in networks]


def _read_bot(connection: Redis, network: str, now: float) -> BotFigures:
    key = f"riffbird:bot:{network}"
    with connection.pipeline() as pipe:
        pipe.hgetall(f"{key}:counters")
        pipe.zcard(f"{key}:due")
        pipe.get(f"{key}:heartbeat")
        counters, owed, beaten = pipe.execute()
    counts = {_text(name): int(count) for name, count in counters.items()}
    return BotFigures(network, counts, int(owed), max(0.0, now - float(beaten or 0)))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
