"""The outbox of one network's bot, in Redis: what is owed to whom and what was posted, so each reply is posted once.

An owed reply goes

    waiting ──▶ preparing ──▶ posting ──▶ posted
       ▲            │            │  └───▶ dropped     (refused by the network for good)
       └────────────┴────────────┘                    (nothing became visible: retry later)

``preparing`` is invisible work (uploads). ``posting`` begins right before the visible call: a lease that expires in
that state leaves the reply *in doubt*, and the next attempt first looks for it on the network. Every step is one atomic
script that checks the owner, so two bot processes still post one reply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from redis import Redis
from redis.client import Pipeline

from bot.networks.protocol import Mention
from bot.rate_limits import Person
from bot.state.network_records import MEMORY_SECONDS, NetworkRecords, utc_day
from bot.state.owed_reply import CLAIM, COMPLETE, MARK_POSTING, RELEASE, Claim, OwedReply
from worker.client import bans_key, wait_for_disk

IGNORED_SECONDS = 2 * 24 * 3600
WAITING_SECONDS = 3 * 24 * 3600  # longer than a song is retried
REPLY_KEY = "promise"  # as version 0.1.0 named it, so that running installations keep what they owe


@dataclass
class ReplyStore(NetworkRecords):
    """The outbox of one network. ``server`` decodes its answers; times are unix seconds, given by the caller.

    ``durable`` waits before each visible call until Redis has the state on disk (about half a second).
    """

    durable: bool = False
    _scripts: dict[str, Any] = field(default_factory=dict, repr=False)

    def _run(self, script: str, keys: list[str], *arguments: str | float) -> Any:
        loaded = self._scripts.setdefault(script, self.server.register_script(script))
        return loaded(keys=keys, args=list(arguments))

    # ------------------------------------------------------------------ accepting

    def person(self, author_id: str, author_name: str, now: float) -> Person:
        """What is stored of one person."""
        return self._person(self.server, author_id, author_name, now)

    def _person(self, server: Redis | Pipeline, author_id: str, author_name: str, now: float) -> Person:
        facts: dict[str, str] = server.hgetall(self._key("person", author_id))  # type: ignore[assignment]
        today = facts.get("day") == utc_day(now)
        return Person(
            stopped=bool(server.sismember(self._key("stopped"), author_id)),
            blocked=any(
                server.sismember(key, who)
                for key in (self._key("blocked"), bans_key(self.network))
                for who in (author_id.lower(), author_id, author_name.lower())
            ),
            last_song_at=float(facts.get("last_song_at", 0)),
            last_limit_at=float(facts.get("last_limit_at", 0)),
            songs_today=int(facts.get("songs", 0)) if today else 0,
            texts_today=int(facts.get("words", 0)) if today else 0,
            waiting=int(server.scard(self._key("waiting", author_id))),
        )

    def accept(
        self,
        mention: Mention,
        decide: Callable[[Person], OwedReply | None],
        now: float,
        *,
        in_doubt: bool = False,
    ) -> OwedReply | None:
        """Store what is owed for ``mention``, once; ``None`` if it is ignored.

        ``decide`` sees the person's current state and is called again if that changes meanwhile. A repeated mention
        returns the first decision and counts for nothing. With ``in_doubt`` the reply is looked for before it is
        posted.
        """
        key, waiting = self._key(REPLY_KEY, mention.interaction), self._key("waiting", mention.author_id)
        ignored = self._key("silence", mention.interaction)
        kept: list[OwedReply | None] = [None]

        def attempt(pipe: Pipeline) -> None:
            known: dict[str, str] = pipe.hgetall(key)  # type: ignore[assignment]
            if known:
                kept[0] = OwedReply.from_hash(known)
                pipe.multi()
                return
            is_ignored = bool(pipe.exists(ignored))
            owed = None if is_ignored else decide(self._person(pipe, mention.author_id, mention.author_name, now))
            kept[0] = owed
            pipe.multi()
            if owed is not None:
                self._write(pipe, owed, now, in_doubt=in_doubt)
            elif not is_ignored:
                pipe.set(ignored, "", ex=IGNORED_SECONDS)

        self.server.transaction(
            attempt, key, waiting, ignored, self._key("person", mention.author_id), self._key("stopped")
        )
        return kept[0]

    def _write(self, pipe: Pipeline, owed: OwedReply, now: float, *, in_doubt: bool) -> None:
        author, person = owed.mention.author_id, self._key("person", owed.mention.author_id)
        fields: dict[str, str] = owed.as_hash() | {"doubt": str(int(in_doubt))}
        pipe.hset(self._key(REPLY_KEY, owed.interaction), mapping=fields)  # type: ignore[arg-type]
        pipe.zadd(self._key("due"), {owed.interaction: now})
        _count_one(pipe, person, utc_day(now), "words" if owed.request is None else "songs")
        pipe.expire(person, MEMORY_SECONDS)
        if owed.request is not None:
            pipe.sadd(self._key("waiting", author), owed.interaction)
            pipe.expire(self._key("waiting", author), WAITING_SECONDS)
            pipe.hset(person, "last_song_at", str(now))
        elif owed.is_limit_notice:
            pipe.hset(person, "last_limit_at", str(now))
        if owed.opt_change == "out":
            pipe.sadd(self._key("stopped"), author)
        elif owed.opt_change == "in":
            pipe.srem(self._key("stopped"), author)

    def find(self, interaction: str) -> OwedReply | None:
        """What is owed for ``interaction``. Raises ``UnreadableReplyError``."""
        known = self.stored(interaction)
        return OwedReply.from_hash(known) if known else None

    def stored(self, interaction: str) -> Mapping[str, str]:
        """The Redis hash of an owed reply as it stands; empty if there is none."""
        known: dict[str, str] = self.server.hgetall(self._key(REPLY_KEY, interaction))  # type: ignore[assignment]
        return known

    def say_instead(self, owed: OwedReply, text: str) -> None:
        """Owe ``text`` in place of the song, and do not count the song."""
        person = self._key("person", owed.mention.author_id)
        pipe = self.server.pipeline()
        pipe.hset(self._key(REPLY_KEY, owed.interaction), mapping={"request": "", "job": "", "text": text})
        pipe.srem(self._key("waiting", owed.mention.author_id), owed.interaction)
        pipe.hset(person, "last_song_at", "0")
        pipe.hincrby(person, "songs", -1)
        pipe.execute()

    # ------------------------------------------------------------------ replying

    def due(self, now: float, most: int = 1000) -> list[str]:
        """Interactions that are due, the oldest first."""
        found: list[str] = self.server.zrangebyscore(self._key("due"), "-inf", now, start=0, num=most)  # type: ignore[assignment]
        return found

    def next_due(self) -> float | None:
        """When the next owed reply is due."""
        first: list[tuple[str, float]] = self.server.zrange(self._key("due"), 0, 0, withscores=True)  # type: ignore[assignment]
        return first[0][1] if first else None

    def owed(self) -> int:
        """Number of open owed replies."""
        return int(self.server.zcard(self._key("due")))

    def postpone(self, interaction: str, until: float) -> None:
        """Make an open owed reply due at ``until``."""
        self.server.zadd(self._key("due"), {interaction: until}, xx=True)

    def claim(self, interaction: str, now: float, lease_seconds: float) -> Claim:
        """Take the lease of an owed reply. Only FRESH and IN_DOUBT allow to go on."""
        keys = [self._key(REPLY_KEY, interaction), self._key("due")]
        return Claim(self._run(CLAIM, keys, interaction, self.owner, now, now + lease_seconds))

    def mark_posting(self, interaction: str, now: float, lease_seconds: float) -> bool:
        """Renew the lease right before the visible call; False if another process holds it."""
        keys = [self._key(REPLY_KEY, interaction), self._key("due")]
        held = bool(self._run(MARK_POSTING, keys, interaction, self.owner, now + lease_seconds))
        if held and self.durable:
            wait_for_disk(self.server)  # a crash of Redis must not forget that a reply is about to become visible
        return held

    def release(self, interaction: str, until: float, *, in_doubt: bool) -> None:
        """Give the lease back; the reply is due again at ``until``."""
        keys = [self._key(REPLY_KEY, interaction), self._key("due")]
        self._run(RELEASE, keys, interaction, self.owner, until, "1" if in_doubt else "0")

    def complete(self, owed: OwedReply, state: Literal["posted", "dropped"], reply_id: str = "") -> None:
        """Close an owed reply; it is remembered for ``MEMORY_SECONDS`` and never answered again."""
        waiting = self._key("waiting", owed.mention.author_id)
        keys = [self._key(REPLY_KEY, owed.interaction), self._key("due"), waiting]
        self._run(COMPLETE, keys, owed.interaction, state, reply_id, MEMORY_SECONDS)

    def note_bug(self, interaction: str) -> int:
        """Count an error of ours on the way to this reply; the number so far."""
        return int(self.server.hincrby(self._key(REPLY_KEY, interaction), "bugs", 1))

    def note_refused_upload(self, owed: OwedReply, extension: str) -> None:
        """Remember that the network refused a file of this format."""
        refused = ",".join([*owed.refused_uploads, extension])
        self.server.hset(self._key(REPLY_KEY, owed.interaction), "refused_uploads", refused)

    # ------------------------------------------------------------------ dead letters

    def set_aside(self, interaction: str) -> None:
        """Take an unreadable owed reply out of what is due; its hash stays."""
        self.server.zrem(self._key("due"), interaction)
        author = _author_of(self.stored(interaction))
        if author:
            self.server.srem(self._key("waiting", author), interaction)

    def restore(self, interaction: str, now: float) -> bool:
        """Make a reply that was set aside due again; False if its hash is gone."""
        if not self.server.exists(self._key(REPLY_KEY, interaction)):
            return False
        self.server.zadd(self._key("due"), {interaction: now})
        return True

    # ------------------------------------------------------------------ people

    def stop(self, author_id: str) -> None:
        """Opt a person out."""
        self.server.sadd(self._key("stopped"), author_id)

    def block(self, *who: str) -> None:
        """Replace the operator's list of ids and handles that get no answer."""
        pipe = self.server.pipeline()
        pipe.delete(self._key("blocked"))
        if who:
            pipe.sadd(self._key("blocked"), *(name.lower().lstrip("@") for name in who))
        pipe.execute()


def _author_of(stored: Mapping[str, str]) -> str:
    try:
        return str(json.loads(stored["mention"])["author_id"])
    except (KeyError, TypeError, ValueError):
        return ""


def _count_one(pipe: Pipeline, person: str, day: str, what: str) -> None:
    """Add one to today's count of ``what``; a new day starts at 0. Part of the caller's transaction."""
    pipe.eval(
        "if redis.call('HGET', KEYS[1], 'day') ~= ARGV[1] then"
        " redis.call('HSET', KEYS[1], 'day', ARGV[1], 'songs', 0, 'words', 0) end"
        " return redis.call('HINCRBY', KEYS[1], ARGV[2], 1)",
        1,
        person,
        day,
        what,
    )
