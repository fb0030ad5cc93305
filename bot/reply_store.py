"""What the bot has promised to whom, and what it has done: the memory that makes every reply happen exactly once.

It lives in the same Redis-protocol server as the queue, so that it survives any process of ours. A promise goes

    claimed ──▶ preparing ──▶ posting ──▶ posted
       ▲            │            │  └───▶ dropped     (the network will never allow it)
       └────────────┴────────────┘                    (nothing happened: try later)

``preparing`` is invisible work (uploads). ``posting`` begins right before the visible act: a lease that runs out there
is *in_doubt*, and whoever takes the promise next must look at our own thread first. Each step is one atomic script,
fenced by its owner, so two bot processes by mistake still make one reply. Knows no network and no wording.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError

from bot.networks.protocol import Mention
from bot.owed_reply import CLAIM, COMPLETE, MARK_POSTING, RELEASE, Claim, OwedReply
from bot.rate_limits import Person

MEMORY_SECONDS = 90 * 24 * 3600  # longer than any network lets a mention be read again
SILENCE_SECONDS = 2 * 24 * 3600
MICRODOLLARS = 1_000_000
DISK_MILLISECONDS = 3000

logger = logging.getLogger(__name__)


@dataclass
class ReplyStore:
    """The memory of one network's bot. ``server`` decodes its answers; times are unix seconds, given by the caller.

    ``durable`` waits, before each visible act, until the server has the promise on disk: about half a second.
    """

    server: Redis
    network: str
    owner: str
    durable: bool = False
    _scripts: dict[str, Any] = field(default_factory=dict, repr=False)

    def _key(self, *parts: str) -> str:
        return ":".join(("riffbird", "bot", self.network, *parts))

    def _run(self, script: str, keys: list[str], *arguments: str | float) -> Any:
        loaded = self._scripts.setdefault(script, self.server.register_script(script))
        return loaded(keys=keys, args=list(arguments))

    # ------------------------------------------------------------------ reading

    def cursor(self, channel: str) -> str | None:
        """Up to where ``channel`` was read and made safe."""
        found = self.server.hget(self._key("cursors"), channel)
        return str(found) if found is not None else None

    def move_cursor(self, channel: str, cursor: str) -> None:
        """Remember that everything up to ``cursor`` is safe. Called only after its jobs are queued."""
        self.server.hset(self._key("cursors"), channel, cursor)

    # ------------------------------------------------------------------ promising

    def person(self, author_id: str, author_name: str, now: float) -> Person:
        """What is known of one person."""
        return self._person(self.server, author_id, author_name, now)

    def _person(self, server: Redis | Pipeline, author_id: str, author_name: str, now: float) -> Person:
        facts: dict[str, str] = server.hgetall(self._key("person", author_id))  # type: ignore[assignment]
        today = facts.get("day") == utc_day(now)
        return Person(
            stopped=bool(server.sismember(self._key("stopped"), author_id)),
            blocked=any(server.sismember(self._key("blocked"), who) for who in (author_id, author_name.lower())),
            last_song_at=float(facts.get("last_song_at", 0)),
            last_limit_at=float(facts.get("last_limit_at", 0)),
            songs_today=int(facts.get("songs", 0)) if today else 0,
            texts_today=int(facts.get("words", 0)) if today else 0,
            waiting=int(server.scard(self._key("waiting", author_id))),
        )

    def accept(self, mention: Mention, decide: Callable[[Person], OwedReply | None], now: float) -> OwedReply | None:
        """Claim ``mention`` once for all: the promise that stands, or ``None`` for silence.

        ``decide`` sees the person as of this very moment; if anything of it changes meanwhile, it is asked again.
        A repeated mention gets the first promise back, or the same silence, and counts for nothing.
        """
        key, waiting = self._key("promise", mention.interaction), self._key("waiting", mention.author_id)
        silence = self._key("silence", mention.interaction)
        kept: list[OwedReply | None] = [None]

        def attempt(pipe: Pipeline) -> None:
            known: dict[str, str] = pipe.hgetall(key)  # type: ignore[assignment]
            if known:
                kept[0] = OwedReply.from_hash(known)
                pipe.multi()
                return
            silenced = bool(pipe.exists(silence))
            made = None if silenced else decide(self._person(pipe, mention.author_id, mention.author_name, now))
            kept[0] = made
            pipe.multi()
            if made is not None:
                self._write(pipe, made, now)
            elif not silenced:
                pipe.set(silence, "", ex=SILENCE_SECONDS)

        self.server.transaction(
            attempt, key, waiting, silence, self._key("person", mention.author_id), self._key("stopped")
        )
        return kept[0]

    def _write(self, pipe: Pipeline, owed: OwedReply, now: float) -> None:
        person = self._key("person", owed.mention.author_id)
        pipe.hset(self._key("promise", owed.interaction), mapping=owed.as_hash())  # type: ignore[arg-type]
        pipe.zadd(self._key("due"), {owed.interaction: now})
        _count_one(pipe, person, utc_day(now), "words" if owed.request is None else "songs")
        pipe.expire(person, MEMORY_SECONDS)
        if owed.request is not None:
            pipe.sadd(self._key("waiting", owed.mention.author_id), owed.interaction)
            pipe.hset(person, "last_song_at", str(now))
        elif owed.is_limit_notice:
            pipe.hset(person, "last_limit_at", str(now))

    def find(self, interaction: str) -> OwedReply | None:
        """The promise made for ``interaction``."""
        known: dict[str, str] = self.server.hgetall(self._key("promise", interaction))  # type: ignore[assignment]
        return OwedReply.from_hash(known) if known else None

    def say_instead(self, owed: OwedReply, words: str) -> None:
        """The song cannot be given (the queue is full, a bug): owe words in its place, and give the turn back."""
        person = self._key("person", owed.mention.author_id)
        pipe = self.server.pipeline()
        pipe.hset(self._key("promise", owed.interaction), mapping={"request": "", "job": "", "words": words})
        pipe.srem(self._key("waiting", owed.mention.author_id), owed.interaction)
        pipe.hset(person, "last_song_at", "0")
        pipe.hincrby(person, "songs", -1)
        pipe.execute()

    # ------------------------------------------------------------------ keeping

    def due(self, now: float, most: int = 50) -> list[str]:
        """Interactions whose time has come, the oldest first."""
        found: list[str] = self.server.zrangebyscore(self._key("due"), "-inf", now, start=0, num=most)  # type: ignore[assignment]
        return found

    def next_due(self) -> float | None:
        """When the next owed is due."""
        first: list[tuple[str, float]] = self.server.zrange(self._key("due"), 0, 0, withscores=True)  # type: ignore[assignment]
        return first[0][1] if first else None

    def owed(self) -> int:
        """How many promises are open."""
        return int(self.server.zcard(self._key("due")))

    def postpone(self, interaction: str, until: float) -> None:
        """Look again at ``until``; also the nudge, with a time that is past."""
        self.server.zadd(self._key("due"), {interaction: until}, xx=True)

    def claim(self, interaction: str, now: float, lease_seconds: float) -> Claim:
        """Begin to keep a promise. Only FRESH and IN_DOUBT give the right to go on."""
        keys = [self._key("promise", interaction), self._key("due")]
        return Claim(self._run(CLAIM, keys, interaction, self.owner, now, now + lease_seconds))

    def mark_posting(self, interaction: str, now: float, lease_seconds: float) -> bool:
        """Right before the visible act: renew the lease; False when somebody else has claim over."""
        keys = [self._key("promise", interaction), self._key("due")]
        held = bool(self._run(MARK_POSTING, keys, interaction, self.owner, now + lease_seconds))
        if held and self.durable:
            self._wait_for_disk()
        return held

    def _wait_for_disk(self) -> None:
        """A server that loses its last second must not forget that something is about to be posted."""
        try:
            self.server.waitaof(1, 0, DISK_MILLISECONDS)
        except ResponseError as error:  # an old server, or one that keeps nothing on disk: its operator's choice
            logger.warning("Redis does not confirm writes to disk: %s", error)

    def release(self, interaction: str, until: float, *, in_doubt: bool) -> None:
        """Give it back for a later attempt; ``in_doubt`` makes the next one look first."""
        keys = [self._key("promise", interaction), self._key("due")]
        self._run(RELEASE, keys, interaction, self.owner, until, "1" if in_doubt else "0")

    def complete(self, owed: OwedReply, state: Literal["posted", "dropped"], reply_id: str = "") -> None:
        """The end: remembered for ``MEMORY_SECONDS``, never to be answered again."""
        waiting = self._key("waiting", owed.mention.author_id)
        keys = [self._key("promise", owed.interaction), self._key("due"), waiting]
        self._run(COMPLETE, keys, owed.interaction, state, reply_id, MEMORY_SECONDS)

    # ------------------------------------------------------------------ songs to be played again

    def remember_song(self, mention: Mention, reply_id: str, request: dict[str, Any]) -> None:
        """So that ``/again`` under the song, or in the same private conversation, finds what was asked."""
        for name in {f"reply:{reply_id}", f"latest:{mention.conversation or mention.author_id}"}:
            self.server.set(self._key("song", name), json.dumps(request), ex=MEMORY_SECONDS)

    def song_for(self, mention: Mention) -> dict[str, Any] | None:
        """What was asked for the song that ``mention`` replies to, else the latest one of the conversation."""
        names = [f"latest:{mention.conversation or mention.author_id}"]
        if mention.in_reply_to:
            names.insert(0, f"reply:{mention.in_reply_to}")
        for name in names:
            found = self.server.get(self._key("song", name))
            if found is not None:
                request: dict[str, Any] = json.loads(str(found))
                return request
        return None

    # ------------------------------------------------------------------ people who want none of it

    def stop(self, author_id: str) -> None:
        """Never write to this person again."""
        self.server.sadd(self._key("stopped"), author_id)

    def block(self, *who: str) -> None:
        """Ids or handles that get no answer: the operator's whole list, as it is now."""
        pipe = self.server.pipeline()
        pipe.delete(self._key("blocked"))
        if who:
            pipe.sadd(self._key("blocked"), *(name.lower().lstrip("@") for name in who))
        pipe.execute()

    # ------------------------------------------------------------------ money

    def spend(self, what: str, dollars: float, now: float, times: int = 1) -> None:
        """Count ``times`` paid calls of the kind ``what`` in this UTC day."""
        key = self._key("spent", utc_day(now))
        pipe = self.server.pipeline()
        pipe.hincrby(key, "microdollars", round(dollars * MICRODOLLARS) * times)
        pipe.hincrby(key, what, times)
        pipe.expire(key, MEMORY_SECONDS)
        pipe.execute()

    def spent_dollars(self, now: float) -> float:
        """What this UTC day has cost so far."""
        found = self.server.hget(self._key("spent", utc_day(now)), "microdollars")
        return int(str(found or 0)) / MICRODOLLARS


def utc_day(now: float) -> str:
    """The UTC date of ``now``, as ``2026-11-21``."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def _count_one(pipe: Pipeline, person: str, day: str, what: str) -> None:
    """One more of ``what`` today; a new day starts from nought. In the same transaction as the promise."""
    pipe.eval(
        "if redis.call('HGET', KEYS[1], 'day') ~= ARGV[1] then"
        " redis.call('HSET', KEYS[1], 'day', ARGV[1], 'songs', 0, 'words', 0) end"
        " return redis.call('HINCRBY', KEYS[1], ARGV[2], 1)",
        1,
        person,
        day,
        what,
    )
