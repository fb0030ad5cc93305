"""A promise to one person, and the atomic steps it goes through: pure data, and the scripts the server runs.

Each script is one step of `bot.reply_store`'s chain, fenced by its owner: KEYS are the promise, the queue of what is
due
and, at the end, the person's waiting songs. Knows no network and no clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.networks.protocol import Mention


class Claim(StrEnum):
    """The answer to an attempt at taking a promise."""

    FRESH = "fresh"
    IN_DOUBT = "in_doubt"
    HELD = "held"
    DONE = "done"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class OwedReply:
    """One interaction that is owed a reply: a song (``request`` and ``job``), or only ``words``.

    ``is_limit_notice`` marks words that tell a person of a limit of theirs.
    """

    mention: Mention
    request: dict[str, Any] | None = None
    job: str = ""
    words: str = ""
    is_limit_notice: bool = False
    notices: tuple[str, ...] = ()
    attempts: int = 0
    state: str = "claimed"
    reply_id: str = ""

    @property
    def interaction(self) -> str:
        """The identity of what was asked."""
        return self.mention.interaction

    def as_hash(self) -> dict[str, str]:
        """Fields as the server keeps them, all text."""
        return {
            "mention": json.dumps(self.mention.as_json()),
            "request": json.dumps(self.request) if self.request is not None else "",
            "job": self.job,
            "words": self.words,
            "is_limit_notice": str(int(self.is_limit_notice)),
            "notices": json.dumps(self.notices),
            "attempts": str(self.attempts),
            "state": self.state,
            "reply_id": self.reply_id,
        }

    @classmethod
    def from_hash(cls, fields: Mapping[str, str]) -> OwedReply:
        """The inverse of ``as_hash``; the lease's own fields are left out."""
        return cls(
            mention=Mention(**json.loads(fields["mention"])),
            request=json.loads(fields["request"]) if fields["request"] else None,
            job=fields["job"],
            words=fields["words"],
            is_limit_notice=fields["is_limit_notice"] == "1",
            notices=tuple(json.loads(fields["notices"])),
            attempts=int(fields["attempts"]),
            state=fields["state"],
            reply_id=fields["reply_id"],
        )


CLAIM = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then redis.call('ZREM', KEYS[2], ARGV[1]); return 'gone' end
if state == 'posted' or state == 'dropped' then redis.call('ZREM', KEYS[2], ARGV[1]); return 'done' end
local lease = tonumber(redis.call('HGET', KEYS[1], 'lease') or '0')
if state ~= 'claimed' and lease > tonumber(ARGV[3]) then return 'held' end
redis.call('HSET', KEYS[1], 'state', 'preparing', 'owner', ARGV[2], 'lease', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
if state == 'posting' or redis.call('HGET', KEYS[1], 'doubt') == '1' then
  redis.call('HSET', KEYS[1], 'doubt', '1'); return 'in_doubt'
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
redis.call('HSET', KEYS[1], 'state', 'claimed', 'doubt', ARGV[4])
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
