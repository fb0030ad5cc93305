"""Moderation by the operator, kept in Redis: bans, paused networks, deleted songs, reports and an audit log.

A ban is a handle or account id of a network, which its bot reads at each mention, or the hash of an HTTP
client's address.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from redis import Redis

from worker.server_time import server_time

HTTP = "http"
"""The name of the HTTP API beside the networks."""
DELETED_KEY = "riffbird:deleted:"
PAUSED_KEY = "riffbird:paused"
REPORTS_KEY = "riffbird:reports"
AUDIT_KEY = "riffbird:audit"
ASKER_KEY = "riffbird:asker:"
REPORTS_LIMIT, AUDIT_LIMIT = 500, 5000
ASKER_SECONDS = 7 * 24 * 3600


def bans_key(network: str) -> str:
    """The set of handles, account ids or client hashes that are banned on ``network``."""
    return f"riffbird:bans:{network}"


class Moderation:
    """The operator's decisions, over one Redis connection (decoding or not)."""

    def __init__(self, connection: Redis) -> None:
        self.connection = connection

    def ban(self, network: str, who: str) -> None:
        """Ignore ``who``: a handle or account id of a network, or the hash of an HTTP client."""
        self.connection.sadd(bans_key(network), *_spellings(who))

    def unban(self, network: str, who: str) -> bool:
        """Take a ban back; False if there was none."""
        return bool(self.connection.srem(bans_key(network), *_spellings(who)))

    def bans(self, network: str) -> list[str]:
        """Handles, ids or client hashes banned on ``network``, without @, sorted."""
        return [who for who in _texts(self.connection.smembers(bans_key(network))) if not who.startswith("@")]

    def is_banned(self, client: str) -> bool:
        """Whether the HTTP client with this hash is banned."""
        return bool(self.connection.sismember(bans_key(HTTP), client))

    def pause(self, network: str) -> None:
        """Stop reading and answering on ``network`` until `resume`."""
        self.connection.sadd(PAUSED_KEY, network)

    def resume(self, network: str) -> bool:
        """End a pause; False if there was none."""
        return bool(self.connection.srem(PAUSED_KEY, network))

    def paused(self) -> list[str]:
        """The paused networks, sorted."""
        return _texts(self.connection.smembers(PAUSED_KEY))

    def is_paused(self, network: str) -> bool:
        """Whether ``network`` is paused."""
        return bool(self.connection.sismember(PAUSED_KEY, network))

    def mark_deleted(self, job_id: str, seconds: int) -> None:
        """Remember for ``seconds`` that the song is deleted, so that a worker that still makes it discards it."""
        self.connection.set(DELETED_KEY + job_id, 1, ex=seconds)

    def is_deleted(self, job_id: str) -> bool:
        """Whether the song was deleted by its asker or the operator."""
        return bool(self.connection.exists(DELETED_KEY + job_id))

    def remember_asker(self, job_id: str, client: str) -> None:
        """Keep the hash of a song's HTTP client for a week, so that the operator can ban it."""
        self.connection.set(ASKER_KEY + job_id, client, ex=ASKER_SECONDS)

    def asker(self, job_id: str) -> str | None:
        """The hash of a song's HTTP client, if it is still known."""
        found = _texts([self.connection.get(ASKER_KEY + job_id) or b""])
        return found[0] or None

    def report(self, job_id: str, reason: str) -> None:
        """Add a report of a song, newest first; the oldest beyond `REPORTS_LIMIT` are dropped."""
        self._push(REPORTS_KEY, REPORTS_LIMIT, {"song": job_id, "reason": reason})

    def reports(self) -> list[dict[str, Any]]:
        """Reports, newest first: ``song``, ``reason``, ``at`` (unix seconds)."""
        return self._entries(REPORTS_KEY, REPORTS_LIMIT)

    def dismiss(self, job_id: str) -> int:
        """Delete all reports of a song; their number."""
        kept = cast("list[Any]", self.connection.lrange(REPORTS_KEY, 0, -1))
        ours = [entry for entry in kept if json.loads(entry)["song"] == job_id]
        return sum(int(self.connection.lrem(REPORTS_KEY, 1, entry)) for entry in ours)

    def record(self, action: str, target: str, note: str = "", by: str = "operator") -> None:
        """Add an entry to the audit log."""
        self._push(AUDIT_KEY, AUDIT_LIMIT, {"action": action, "target": target, "note": note, "by": by})

    def audit_log(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest ``limit`` entries of the audit log: ``action``, ``target``, ``note``, ``by``, ``at``."""
        return self._entries(AUDIT_KEY, limit)

    def _push(self, key: str, limit: int, entry: dict[str, Any]) -> None:
        stamped = json.dumps(entry | {"at": server_time(self.connection)})
        with self.connection.pipeline() as pipe:
            pipe.lpush(key, stamped)
            pipe.ltrim(key, 0, limit - 1)
            pipe.execute()

    def _entries(self, key: str, limit: int) -> list[dict[str, Any]]:
        return [json.loads(entry) for entry in cast("list[Any]", self.connection.lrange(key, 0, limit - 1))]


def _spellings(who: str) -> set[str]:
    """``who`` in lower case, with and without a leading @: networks differ in what they call a handle."""
    bare = who.lower().lstrip("@")
    return {bare, f"@{bare}"}


def _texts(values: object) -> list[str]:
    return sorted(v.decode() if isinstance(v, bytes) else str(v) for v in cast("Iterable[Any]", values))
