"""The clock of the Redis server: the one clock that all machines of a service share.

Leases, retries, heartbeats and expiry compare times of this clock only, so a machine whose clock is wrong neither takes
other machines' jobs nor deletes their songs.
"""

from __future__ import annotations

from datetime import UTC, datetime

from redis import Redis


def server_time(connection: Redis) -> float:
    """Unix seconds of the server's clock (the TIME command)."""
    seconds, microseconds = connection.time()
    return seconds + microseconds / 1_000_000


def server_datetime(connection: Redis) -> datetime:
    """The server's clock as an aware UTC datetime."""
    return datetime.fromtimestamp(server_time(connection), UTC)
