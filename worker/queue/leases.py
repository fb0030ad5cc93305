"""Leases on running jobs: a key per job that expires on the Redis server, so no two clocks are compared.

A worker takes the lease before it registers the job as started; its heartbeat process renews it. A started job without
a lease was abandoned. Known only by job id and by the worker's name; knows nothing of what the jobs do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from redis import Redis

PREFIX = "riffbird:lease:"

RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not holder and not redis.call('ZSCORE', KEYS[2], ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
"""
"""Renews a lease. One that expired is taken again only while the job is still registered, so not rescued."""

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class Leases:
    """Leases of one worker, ``holder``. Times to live in seconds."""

    def __init__(self, connection: Redis, holder: str) -> None:
        self.connection = connection
        self.holder = holder
        self._renew = connection.register_script(RENEW)
        self._release = connection.register_script(RELEASE)

    def take(self, job_id: str, ttl: float) -> None:
        """Hold the lease of ``job_id``, which RQ has just given to this worker alone."""
        self.connection.set(PREFIX + job_id, self.holder, px=_milliseconds(ttl))

    def renew(self, job_id: str, registry_key: str, entry: str, ttl: float) -> bool:
        """Hold the lease for ``ttl`` more; False where another worker holds it or the job was rescued.

        ``entry`` is the execution's member of the sorted set ``registry_key`` of started jobs.
        """
        keys = [PREFIX + job_id, registry_key]
        return bool(self._renew(keys=keys, args=[self.holder, entry, _milliseconds(ttl)]))

    def release(self, job_id: str) -> None:
        """Give the lease up; no effect where another worker holds it."""
        self._release(keys=[PREFIX + job_id], args=[self.holder])


def without_lease(connection: Redis, job_ids: Sequence[str]) -> set[str]:
    """Those of ``job_ids`` that no worker holds."""
    if not job_ids:
        return set()
    holders = cast("list[bytes | None]", connection.mget([PREFIX + job_id for job_id in job_ids]))
    return {job_id for job_id, holder in zip(job_ids, holders, strict=True) if holder is None}


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
