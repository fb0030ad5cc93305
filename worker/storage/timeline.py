"""The public timeline: listed songs by number, found by genre, by words of the title, and by thread.

Redis holds the order, and of each listed song what it is found by (about 100 bytes). Unlisted songs are in none of it.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from redis import Redis
from redis.client import Pipeline

if TYPE_CHECKING:
    from worker.storage.songs import SongRecord

TIMELINE_KEY = "riffbird:timeline"
ENTRIES_KEY = "riffbird:timeline-entries"
THREAD_KEY = "riffbird:thread:"
CHUNK = 200
SCAN_LIMIT = 2000
"""Songs that one search looks at; the answer says where to go on."""
THREAD_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Query:
    """What a search asks for. ``genre``: canonical name; ``words``: all are in the title; ``house``: only, or none."""

    genre: str | None = None
    words: tuple[str, ...] = ()
    house: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every song matches."""
        return self == Query()


@dataclass(frozen=True, slots=True)
class Entry:
    """What one listed song is found by. ``title``: plain, see `plain_title`."""

    genres: tuple[str, ...]
    title: str
    house: bool
    root: str

    def matches(self, query: Query) -> bool:
        """Whether the song is one that ``query`` asks for."""
        return (
            (query.genre is None or query.genre in self.genres)
            and (query.house is None or query.house == self.house)
            and all(word in self.title for word in query.words)
        )


class Timeline:
    """The timeline over one Redis. ``find`` reads a song, for songs that an earlier version listed without an entry."""

    def __init__(self, connection: Redis, find: Callable[[str], SongRecord | None]) -> None:
        self.connection = connection
        self.find = find

    def add(self, pipe: Pipeline, song: SongRecord) -> None:
        """List ``song`` within a transaction."""
        entry = entry_of(song)
        pipe.zadd(TIMELINE_KEY, {song.id: song.number})
        pipe.zadd(THREAD_KEY + entry.root, {song.id: song.number})
        pipe.hset(ENTRIES_KEY, song.id, _as_text(entry))

    def remove(self, job_id: str) -> None:
        """Take a song off the timeline and out of its thread."""
        entry = self._entries([job_id])[0]
        with self.connection.pipeline() as pipe:
            pipe.zrem(TIMELINE_KEY, job_id)
            pipe.hdel(ENTRIES_KEY, job_id)
            if entry is not None:
                pipe.zrem(THREAD_KEY + entry.root, job_id)
            pipe.execute()

    def newest(self, limit: int, before: int | None = None) -> list[str]:
        """Ids of up to ``limit`` listed songs, newest first, numbered below ``before``."""
        return [job_id for job_id, _ in self._page(limit, before)]

    def search(self, query: Query, limit: int, before: int | None = None) -> tuple[list[str], int | None]:
        """(ids of up to ``limit`` songs, newest first; the number below which to go on, ``None`` at the end).

        At most ``SCAN_LIMIT`` songs are looked at, so that fewer may be found although there are more.
        """
        found: list[str] = []
        last = before
        for job_id, number, entry in self._walk(query, before):
            if query.is_empty or (entry is not None and entry.matches(query)):
                found.append(job_id)
            last = number
            if len(found) == limit:
                break
        more = last is not None and self.connection.zcount(TIMELINE_KEY, "-inf", f"({last}")
        return found, last if more else None

    def listed(self, ids: Sequence[str]) -> list[str]:
        """Those of ``ids`` that are on the timeline, newest first."""
        if not ids:
            return []
        scores = self.connection.zmscore(TIMELINE_KEY, list(ids))
        numbers = {job_id: score for job_id, score in zip(ids, scores, strict=True) if score is not None}
        return sorted(numbers, key=lambda job_id: -numbers[job_id])

    def thread(self, root: str) -> list[str]:
        """Ids of the first ``THREAD_LIMIT`` listed songs of a thread, in their order."""
        return [
            raw.decode() for raw in cast("list[bytes]", self.connection.zrange(THREAD_KEY + root, 0, THREAD_LIMIT - 1))
        ]

    def replies(self, ids: Sequence[str]) -> list[int]:
        """Number of listed songs below each of ``ids`` in the thread that it begins."""
        with self.connection.pipeline() as pipe:
            for job_id in ids:
                pipe.zcard(THREAD_KEY + job_id)
                pipe.zscore(THREAD_KEY + job_id, job_id)
            answers = pipe.execute()
        return [count - (own is not None) for count, own in zip(answers[::2], answers[1::2], strict=True)]

    def _walk(self, query: Query, before: int | None) -> Iterator[tuple[str, int, Entry | None]]:
        """(id, number, entry) of the songs below ``before``, newest first; without entries where none is needed."""
        for _ in range(SCAN_LIMIT // CHUNK):
            page = self._page(CHUNK, before)
            ids = [job_id for job_id, _ in page]
            entries = [None] * len(ids) if query.is_empty else self._entries(ids)
            yield from ((*song, entry) for song, entry in zip(page, entries, strict=True))
            if len(page) < CHUNK:
                return
            before = page[-1][1]

    def _page(self, limit: int, before: int | None) -> list[tuple[str, int]]:
        top = "+inf" if before is None else f"({before}"
        raw = self.connection.zrevrangebyscore(TIMELINE_KEY, top, "-inf", start=0, num=limit, withscores=True)
        return [(song.decode(), int(number)) for song, number in cast("list[tuple[bytes, float]]", raw)]

    def _entries(self, ids: Sequence[str]) -> list[Entry | None]:
        if not ids:
            return []
        raw = cast("list[bytes | None]", self.connection.hmget(ENTRIES_KEY, list(ids)))
        return [
            self._made_up(job_id) if text is None else _from_text(text) for job_id, text in zip(ids, raw, strict=True)
        ]

    def _made_up(self, job_id: str) -> Entry | None:
        """The entry of a song that an earlier version listed."""
        song = self.find(job_id)
        if song is None or not song.listed:
            return None
        with self.connection.pipeline() as pipe:
            self.add(pipe, song)
            pipe.execute()
        return entry_of(song)


def entry_of(song: SongRecord) -> Entry:
    """What ``song`` is found by."""
    root = song.revision.root if song.revision else song.id
    return Entry(tuple(song.request.genres), plain_title(song.rendition.title), song.house, root)


def plain_title(text: str) -> str:
    """``text`` as titles are compared: no case, no accents, single spaces."""
    bare = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(bare.casefold().split())


def _as_text(entry: Entry) -> str:
    return json.dumps([entry.genres, entry.title, entry.house, entry.root], ensure_ascii=False)


def _from_text(text: bytes) -> Entry:
    genres, title, house, root = json.loads(text)
    return Entry(tuple(genres), title, house, root)
