"""The book of finished songs: what is known of each, newest first, until it expires.

A song's facts lie beside its files (``facts.json``), so a permalink works even after the queue's data is lost; Redis
holds a copy and the order. Does not know how songs are made or shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ConfigDict, Field
from redis import Redis

from composer.request import ComposeRequest
from composer.result import Rendition
from worker.queue.payloads import ComposePayload
from worker.storage.media import Media

FACTS_FILE = "facts.json"
NOTES_FILE = "notes.json"
TIMELINE_KEY = "riffbird:timeline"
EXPIRY_KEY = "riffbird:expiry"
NUMBER_KEY = "riffbird:number"


class SongRecord(BaseModel):
    """One finished song. ``rendition.files`` holds names in the media store (``song.mp3``), not paths."""

    model_config = ConfigDict(frozen=True)

    id: str
    number: int = Field(description="songs are numbered in the order they were finished")
    text: str = Field(description="what was asked, as written")
    finished_at: datetime
    request: ComposeRequest
    rendition: Rendition


class SongStore:
    """Songs by id and by age, over one Redis and one media store."""

    def __init__(self, connection: Redis, media: Media, ttl_seconds: int) -> None:
        self.connection = connection
        self.media = media
        self.ttl_seconds = ttl_seconds

    def write(self, job_id: str, order: ComposePayload, rendition: Rendition, notes: Path) -> SongRecord:
        """Store a song's files, then its facts: whoever finds the facts finds the files."""
        names = {kind: f"song.{kind}" for kind in rendition.files}
        files = {kind: Path(name) for kind, name in names.items()}
        told = [*order.notices, *(notice for notice in rendition.notices if notice not in order.notices)]
        record = SongRecord(
            id=job_id,
            number=self._number(job_id),
            text=order.text,
            finished_at=datetime.now(UTC),
            request=order.request,
            rendition=rendition.model_copy(update={"files": files, "notices": told}),
        )
        facts = notes.with_name(FACTS_FILE)
        facts.write_text(record.model_dump_json(), encoding="utf-8")
        self.media.put(job_id, {names[kind]: path for kind, path in rendition.files.items()})
        self.media.put(job_id, {NOTES_FILE: notes, FACTS_FILE: facts})
        self._remember(record, listed=order.listed)
        return record

    def find(self, job_id: str) -> SongRecord | None:
        """The song, from Redis or else from its folder; ``None`` if there is none (any more)."""
        cached = cast("bytes | None", self.connection.get(_song_key(job_id)))
        if cached is not None:
            return SongRecord.model_validate_json(cached)
        try:
            return SongRecord.model_validate_json(b"".join(self.media.read(job_id, FACTS_FILE)))
        except FileNotFoundError:
            return None

    def newest(self, limit: int, before: int | None = None) -> list[SongRecord]:
        """Up to ``limit`` listed songs, newest first, numbered below ``before``."""
        top = "+inf" if before is None else f"({before}"
        ids = cast("list[bytes]", self.connection.zrevrangebyscore(TIMELINE_KEY, top, "-inf", start=0, num=limit))
        keys = [_song_key(song.decode()) for song in ids]
        found = cast("Sequence[bytes | None]", self.connection.mget(keys)) if keys else ()
        return [SongRecord.model_validate_json(facts) for facts in found if facts is not None]

    def expire(self) -> int:
        """Delete what is older than the time to live; the number of songs deleted."""
        old = cast("list[bytes]", self.connection.zrangebyscore(EXPIRY_KEY, "-inf", time.time(), start=0, num=500))
        for raw in old:
            self.delete(raw.decode())
        return len(old)

    def delete(self, job_id: str) -> None:
        """Delete a song: its files, its facts and its place on the timeline."""
        self.media.remove(job_id)
        with self.connection.pipeline() as pipe:
            pipe.zrem(TIMELINE_KEY, job_id)
            pipe.zrem(EXPIRY_KEY, job_id)
            pipe.delete(_song_key(job_id))
            pipe.execute()

    def _number(self, job_id: str) -> int:
        """A new number; a song that is made again after its worker died keeps the one it had."""
        known = self.connection.zscore(TIMELINE_KEY, job_id)
        return int(known) if known is not None else self.connection.incr(NUMBER_KEY)

    def _remember(self, record: SongRecord, *, listed: bool) -> None:
        with self.connection.pipeline() as pipe:
            pipe.set(_song_key(record.id), record.model_dump_json(), ex=self.ttl_seconds)
            pipe.zadd(EXPIRY_KEY, {record.id: time.time() + self.ttl_seconds})
            if listed:
                pipe.zadd(TIMELINE_KEY, {record.id: record.number})
            pipe.execute()


def read_notes(media: Media, job_id: str) -> dict[str, object]:
    """The notes of a song for a player, as ``worker.storage.notes`` wrote them. Raises ``FileNotFoundError``."""
    return cast("dict[str, object]", json.loads(b"".join(media.read(job_id, NOTES_FILE))))


def _song_key(job_id: str) -> str:
    return f"riffbird:song:{job_id}"
