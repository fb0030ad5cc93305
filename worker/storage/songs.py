"""Finished songs: what is known of each, newest first, until it expires.

A song's facts lie beside its files (``facts.json``), so a link works after Redis has lost its data. Redis holds when
each song expires, the order of the timeline, and the facts of songs that were read lately. Per song that is about 300
bytes while it is kept and 7 KB, its job included, for a day; the number of songs is capped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis import Redis

from composer.request import ComposeRequest, Format
from composer.result import Rendition
from worker.queue.payloads import ComposePayload, Revision
from worker.server_time import server_datetime, server_time
from worker.storage.media import Media
from worker.storage.timeline import TIMELINE_KEY, Timeline

FACTS_FILE = "facts.json"
NOTES_FILE = "notes.json"
PRIMER_FILE = "primer.mid"
"""The MIDI file that a waiting song continues; deleted when the song is done."""
LIKE_FILE = "like.mid"
"""The MIDI file that a waiting song imitates; deleted when the song is done."""
PARTS_FILE = "parts.zip"
"""The stems as MP3, beside ``song.stems``."""
EXPIRY_KEY = "riffbird:expiry"
NUMBER_KEY = "riffbird:number"
CACHE_SECONDS = 24 * 3600
"""A song's facts stay in Redis this long after they were written or read."""
UNFINISHED_SECONDS = 24 * 3600
"""Files without facts, of a worker that was killed while it stored them, are deleted after this."""
BATCH = 500
LOCK_SECONDS = 20.0


class SongRecord(BaseModel):
    """One finished song. ``rendition.files`` holds names in the media store (``song.mp3``), not paths."""

    model_config = ConfigDict(frozen=True)

    id: str
    number: int = Field(description="songs are numbered in the order they were finished")
    text: str = Field(description="the request as it was written")
    finished_at: datetime
    request: ComposeRequest
    rendition: Rendition
    listed: bool = Field(default=False, description="whether it appears on the public timeline")
    revision: Revision | None = Field(default=None, description="how it was made from another song")
    from_file: bool = Field(default=False, description="whether its plan came from an uploaded file")
    house: bool = Field(default=False, description="whether the service asked for it itself")


class SongStore:
    """Songs by id and by age, over one Redis and one media store: at most ``limit``, each for ``ttl_seconds``."""

    def __init__(self, connection: Redis, media: Media, ttl_seconds: int, limit: int) -> None:
        self.connection = connection
        self.media = media
        self.ttl_seconds = ttl_seconds
        self.limit = limit
        self.timeline = Timeline(connection, self.find)

    def write(self, job_id: str, payload: ComposePayload, rendition: Rendition, notes: Path) -> SongRecord:
        """Store a song's files and the ``notes`` JSON file, then its facts: a song with facts has all its files."""
        names = {kind: f"song.{kind}" for kind in rendition.files}
        files = {kind: Path(name) for kind, name in names.items()}
        notices = [*payload.notices, *(notice for notice in rendition.notices if notice not in payload.notices)]
        record = SongRecord(
            id=job_id,
            number=self._number(job_id),
            text=payload.text,
            finished_at=server_datetime(self.connection),
            request=payload.request,
            rendition=rendition.model_copy(update={"files": files, "notices": notices}),
            listed=payload.listed,
            revision=payload.revision,
            from_file=payload.from_file,
            house=payload.house,
        )
        facts = notes.with_name(FACTS_FILE)
        facts.write_text(record.model_dump_json(), encoding="utf-8")
        self.media.put(job_id, {names[kind]: path for kind, path in rendition.files.items()})
        self.media.put(job_id, {NOTES_FILE: notes})
        self.media.put(job_id, {FACTS_FILE: facts})
        self._register([record])
        self._cache(record)
        return record

    def knows(self, job_id: str) -> bool:
        """Whether a song with this id is registered."""
        return self.connection.zscore(EXPIRY_KEY, job_id) is not None

    def find(self, job_id: str) -> SongRecord | None:
        """The song, from Redis or else from its folder; ``None`` if there is none, or no longer."""
        cached = cast("bytes | None", self.connection.get(_song_key(job_id)))
        return _parse(cached) if cached is not None else self._read(job_id)

    def newest(self, limit: int, before: int | None = None) -> list[SongRecord]:
        """Up to ``limit`` listed songs, newest first, numbered below ``before``."""
        return self.read(self.timeline.newest(limit, before))

    def read(self, ids: Sequence[str]) -> list[SongRecord]:
        """The songs ``ids`` in their order, without those that are gone."""
        cached = cast("Sequence[bytes | None]", self.connection.mget(map(_song_key, ids))) if ids else ()
        found = [_parse(facts) if facts else self._read(job_id) for job_id, facts in zip(ids, cached, strict=True)]
        return [record for record in found if record is not None]

    def add_file(self, job_id: str, kind: Format) -> None:
        """Enter a file that was rendered after the song; it is deleted if the song is gone meanwhile."""
        with self.connection.lock(f"riffbird:lock:facts:{job_id}", timeout=LOCK_SECONDS):
            record = self.find(job_id)
            if record is None:
                self.media.remove(job_id)
                return
            files = record.rendition.files | {kind: Path(f"song.{kind}")}
            self._rewrite(record.model_copy(update={"rendition": record.rendition.model_copy(update={"files": files})}))

    def _rewrite(self, record: SongRecord) -> None:
        """Store changed facts of a song."""
        self.media.write(record.id, FACTS_FILE, record.model_dump_json().encode())
        self._cache(record)

    def hide(self, job_id: str) -> bool:
        """Take a song off the timeline for good; its link still works. False if there is none."""
        record = self.find(job_id)
        if record is None:
            return False
        self._rewrite(record.model_copy(update={"listed": False}))
        self.timeline.remove(job_id)
        return True

    def delete(self, job_id: str) -> bool:
        """Delete a song's files and all that is known of it. False if there was none."""
        known = self.knows(job_id) or self.find(job_id) is not None
        self.timeline.remove(job_id)
        self.media.remove(job_id)
        with self.connection.pipeline() as pipe:
            pipe.zrem(EXPIRY_KEY, job_id)
            pipe.delete(_song_key(job_id))
            pipe.execute()
        return known

    def expire(self) -> int:
        """Delete songs past their time, and the oldest beyond ``limit``; at most 500 of each. The number deleted."""
        now = server_time(self.connection)
        old = cast("list[bytes]", self.connection.zrangebyscore(EXPIRY_KEY, "-inf", now, start=0, num=BATCH))
        excess = min(self.connection.zcard(EXPIRY_KEY) - self.limit, BATCH)
        if excess > 0:
            old += cast("list[bytes]", self.connection.zrange(EXPIRY_KEY, 0, excess - 1))
        ids = {song.decode() for song in old}
        for job_id in ids:
            self.delete(job_id)
        return len(ids)

    def reindex(self) -> int:
        """Register songs of the media store that Redis does not know; the number of songs registered.

        Files of a song that was never finished are deleted after a day.
        """
        found = 0
        every = iter(self.media.ids())
        while ids := list(islice(every, BATCH)):
            scores = self.connection.zmscore(EXPIRY_KEY, ids)
            unknown = [job_id for job_id, score in zip(ids, scores, strict=True) if score is None]
            records = [record for job_id in unknown if (record := self._read(job_id, cache=False)) is not None]
            self._register(records)
            self._delete_unfinished(set(unknown) - {record.id for record in records})
            found += len(records)
        return found

    def _delete_unfinished(self, ids: Iterable[str]) -> None:
        now = server_time(self.connection)
        for job_id in ids:
            # A training's folder has other files, and stays until its owner deletes it.
            if self.media.is_unfinished_song(job_id) and now - self.media.changed_at(job_id) > UNFINISHED_SECONDS:
                self.media.remove(job_id)

    def _read(self, job_id: str, *, cache: bool = True) -> SongRecord | None:
        try:
            record = _parse(b"".join(self.media.read(job_id, FACTS_FILE)))
        except FileNotFoundError:
            return None
        if record is not None and cache and self.knows(job_id):
            self._cache(record)
        return record

    def _number(self, job_id: str) -> int:
        """A new number; a song that is made again after its worker died keeps the one it had."""
        known = self.connection.zscore(TIMELINE_KEY, job_id)
        return int(known) if known is not None else self.connection.incr(NUMBER_KEY)

    def _cache(self, record: SongRecord) -> None:
        seconds = min(self.ttl_seconds, CACHE_SECONDS)
        self.connection.set(_song_key(record.id), record.model_dump_json(), ex=seconds)

    def _register(self, records: Sequence[SongRecord]) -> None:
        """Enter ``records`` into the order of expiry and, where they are listed, into the timeline."""
        if not records:
            return
        with self.connection.pipeline() as pipe:
            pipe.zadd(EXPIRY_KEY, {each.id: each.finished_at.timestamp() + self.ttl_seconds for each in records})
            for each in records:
                if each.listed:
                    self.timeline.add(pipe, each)
            pipe.execute()
        newest = max(each.number for each in records)
        # After a loss of data, new songs are numbered after the old ones.
        if int(cast("bytes | None", self.connection.get(NUMBER_KEY)) or 0) < newest:
            self.connection.set(NUMBER_KEY, newest)


def read_notes(media: Media, job_id: str) -> dict[str, object]:
    """The notes of a song for a player, as ``worker.storage.notes`` wrote them. Raises ``FileNotFoundError``."""
    return cast("dict[str, object]", json.loads(b"".join(media.read(job_id, NOTES_FILE))))


def _parse(facts: bytes) -> SongRecord | None:
    """The record; ``None`` where another version wrote it and this one cannot read it."""
    try:
        return SongRecord.model_validate_json(facts)
    except ValidationError:
        return None


def _song_key(job_id: str) -> str:
    return f"riffbird:song:{job_id}"
