"""A reply owed to one person, and the Lua scripts that move it from state to state.

Each script is one atomic step of `bot.reply_store`. KEYS are the owed reply, the sorted set of due replies and, in
COMPLETE, the person's waiting songs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from bot.networks.protocol import Mention

OptChange = Literal["", "out", "in"]
MAX_UPLOAD_REFUSALS = 2
OVER = ("posted", "dropped")
_OLD_NAMES = {"text": "words", "is_limit_notice": "tells_limit"}  # fields as version 0.1.0 named them


class UnreadableReplyError(Exception):
    """A stored reply cannot be read: it was written by another version, or damaged."""


class Claim(StrEnum):
    """The answer to an attempt to claim an owed reply."""

    FRESH = "fresh"
    IN_DOUBT = "doubtful"
    HELD = "held"
    DONE = "done"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class OwedReply:
    """One interaction that is owed a reply: a song (``request`` and ``job``), or only ``text``.

    ``revision``: how the song is made from another one (``worker.queue.payloads.Revision``).
    ``is_limit_notice`` marks a text about a rate limit. ``opt_change`` says that accepting it opts the person out or
    in. ``refused_uploads`` has one format per upload that the network refused.
    """

    mention: Mention
    request: dict[str, Any] | None = None
    job: str = ""
    revision: dict[str, Any] | None = None
    text: str = ""
    is_limit_notice: bool = False
    opt_change: OptChange = ""
    notices: tuple[str, ...] = ()
    refused_uploads: tuple[str, ...] = ()
    attempts: int = 0
    bugs: int = 0
    state: str = "waiting"
    reply_id: str = ""

    @property
    def interaction(self) -> str:
        """The identity of what was asked."""
        return self.mention.interaction

    @property
    def is_over(self) -> bool:
        """Whether it was posted or dropped."""
        return self.state in OVER

    def is_refused(self, extension: str) -> bool:
        """Whether the network refused this format `MAX_UPLOAD_REFUSALS` times."""
        return self.refused_uploads.count(extension) >= MAX_UPLOAD_REFUSALS

    def as_hash(self) -> dict[str, str]:
        """The fields of the Redis hash, all text."""
        return {
            "mention": json.dumps(self.mention.as_json()),
            "request": json.dumps(self.request) if self.request is not None else "",
            "job": self.job,
            "revision": json.dumps(self.revision) if self.revision is not None else "",
            "text": self.text,
            "is_limit_notice": str(int(self.is_limit_notice)),
            "opt_change": self.opt_change,
            "notices": json.dumps(self.notices),
            "refused_uploads": ",".join(self.refused_uploads),
            "attempts": str(self.attempts),
            "bugs": str(self.bugs),
            "state": self.state,
            "reply_id": self.reply_id,
        }

    @classmethod
    def from_hash(cls, fields: Mapping[str, str]) -> OwedReply:
        """The inverse of ``as_hash``, also for version 0.1.0. Raises ``UnreadableReplyError``."""
        try:
            return cls._from_hash(fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnreadableReplyError(f"{type(error).__name__}: {error}"[:300]) from None

    @classmethod
    def _from_hash(cls, fields: Mapping[str, str]) -> OwedReply:
        values = {new: fields[old] for new, old in _OLD_NAMES.items() if old in fields} | dict(fields)
        change = values.get("opt_change", "")
        return cls(
            mention=Mention.from_json(json.loads(values["mention"])),
            request=json.loads(values["request"]) if values["request"] else None,
            job=values["job"],
            revision=json.loads(values["revision"]) if values.get("revision") else None,
            text=values["text"],
            is_limit_notice=values["is_limit_notice"] == "1",
            opt_change="out" if change == "out" else "in" if change == "in" else "",
            notices=tuple(map(str, json.loads(values["notices"]))),
            refused_uploads=tuple(filter(None, values.get("refused_uploads", "").split(","))),
            attempts=int(values["attempts"]),
            bugs=int(values.get("bugs", "0")),
            state="waiting" if values["state"] == "claimed" else values["state"],
            reply_id=values["reply_id"],
        )


CLAIM = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then redis.call('ZREM', KEYS[2], ARGV[1]); return 'gone' end
if state == 'posted' or state == 'dropped' then redis.call('ZREM', KEYS[2], ARGV[1]); return 'done' end
local lease = tonumber(redis.call('HGET', KEYS[1], 'lease') or '0') or 0
if (state == 'preparing' or state == 'posting') and lease > tonumber(ARGV[3]) then return 'held' end
redis.call('HSET', KEYS[1], 'state', 'preparing', 'owner', ARGV[2], 'lease', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
if state == 'posting' or redis.call('HGET', KEYS[1], 'doubt') == '1' then
  redis.call('HSET', KEYS[1], 'doubt', '1'); return 'doubtful'
end
return 'fresh'
"""

MARK_POSTING = """
local held = redis.call('HMGET', KEYS[1], 'state', 'owner')
if held[1] ~= 'preparing' or held[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'state', 'posting', 'lease', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
"""

RELEASE = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'posted' or state == 'dropped' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'waiting', 'doubt', ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
"""

COMPLETE = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state or state == 'posted' then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'reply_id', ARGV[3], 'doubt', '0')
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
return 1
"""
