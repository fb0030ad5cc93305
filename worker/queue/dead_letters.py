"""Dead letters: items that could not be processed, kept for an operator to inspect, requeue or discard.

Each list belongs to one consumer: a network's bot (``x``, ``mastodon``) or the workers (``jobs``). ``requeue`` moves a
letter to the requeue list, which the consumer drains with ``take_requeued``. A list keeps its newest `MAX_LETTERS`
letters of at most `MAX_ITEM_BYTES` each, so malformed input cannot fill Redis.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

from redis import Redis

MAX_LETTERS = 1000
MAX_ITEM_BYTES = 16 * 1024
LISTS_KEY = "riffbird:dead-letters"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One item that could not be processed.

    ``kind`` says how its consumer reads ``item``; ``failed_at`` is in unix seconds. ``item`` is ``None`` where it is
    larger than `MAX_ITEM_BYTES`: such a letter can only be discarded.
    """

    id: str
    list: str
    kind: str
    error: str
    failed_at: float
    item: dict[str, Any] | None = None


class DeadLetters:
    """The dead letters of one list, in Redis. Works with decoding and with raw connections."""

    def __init__(self, connection: Redis, name: str) -> None:
        self.connection = connection
        self.name = name
        self._letters = f"{LISTS_KEY}:{name}"
        self._order = f"{LISTS_KEY}:{name}:order"
        self._requeued = f"{LISTS_KEY}:{name}:requeued"

    def add(self, kind: str, item: dict[str, Any], error: str) -> DeadLetter:
        """Keep ``item``. The same item of the same kind is kept once."""
        text = json.dumps(item, default=str, ensure_ascii=True, sort_keys=True)
        number = hashlib.sha256(f"{kind} {text}".encode()).hexdigest()[:16]
        kept = json.loads(text) if len(text) <= MAX_ITEM_BYTES else None
        letter = DeadLetter(number, self.name, kind, " ".join(error.split())[:500], time.time(), kept)
        with self.connection.pipeline() as pipe:
            pipe.sadd(LISTS_KEY, self.name)
            pipe.hset(self._letters, number, json.dumps(asdict(letter)))
            pipe.zadd(self._order, {number: letter.failed_at})
            pipe.execute()
        self._drop(self._oldest())
        return letter

    def _oldest(self) -> list[str]:
        """Ids beyond the newest `MAX_LETTERS`."""
        return _texts(self.connection.zrange(self._order, 0, -MAX_LETTERS - 1))

    def _drop(self, ids: Iterable[str]) -> int:
        names = list(ids)
        if not names:
            return 0
        self.connection.zrem(self._order, *names)
        return self.connection.hdel(self._letters, *names)

    def all(self) -> list[DeadLetter]:
        """Every letter, the oldest first."""
        found = (self.find(number) for number in _texts(self.connection.zrange(self._order, 0, -1)))
        return [letter for letter in found if letter is not None]

    def count(self) -> int:
        """Number of letters."""
        return int(self.connection.zcard(self._order))

    def find(self, number: str) -> DeadLetter | None:
        """The letter with the id ``number``."""
        kept = self.connection.hget(self._letters, number)
        return None if kept is None else DeadLetter(**json.loads(kept))

    def discard(self, number: str) -> bool:
        """Delete the letter for good; False if there is none."""
        return self._drop([number]) > 0

    def requeue(self, number: str) -> bool:
        """Hand the letter back to its consumer; False if there is none or its item was too large to keep."""
        letter = self.find(number)
        if letter is None or letter.item is None:
            return False
        self.connection.rpush(self._requeued, json.dumps(asdict(letter)))
        self._drop([number])
        return True

    def take_requeued(self) -> Iterator[DeadLetter]:
        """Requeued letters, each removed after the consumer has asked for the next one (at least once)."""
        while (kept := self.connection.lindex(self._requeued, 0)) is not None:
            yield DeadLetter(**json.loads(kept))
            self.connection.lpop(self._requeued)


def dead_letter_lists(connection: Redis) -> list[DeadLetters]:
    """Every list that ever held a letter, by name."""
    return [DeadLetters(connection, name) for name in sorted(_texts(connection.smembers(LISTS_KEY)))]


def _texts(values: object) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in cast("Iterable[Any]", values)]
