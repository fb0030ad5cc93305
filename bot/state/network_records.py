"""A network's records in Redis beside the owed replies: cursors, posted songs, counters, money spent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from bot.networks.protocol import Mention
from worker.client import report_bot

MEMORY_SECONDS = 90 * 24 * 3600  # longer than any network returns a mention
MICRODOLLARS = 1_000_000


@dataclass(frozen=True, slots=True)
class AnsweredSong:
    """A song that the bot posted: its request and the id of its job, empty where version 0.2.0 did not store it."""

    request: dict[str, Any]
    job: str = ""


@dataclass
class NetworkRecords:
    """Records of one network. ``server`` decodes its answers; ``owner`` names this process."""

    server: Redis
    network: str
    owner: str

    def _key(self, *parts: str) -> str:
        return ":".join(("riffbird", "bot", self.network, *parts))

    # ------------------------------------------------------------------ cursors

    def cursor(self, channel: str) -> str | None:
        """Position up to which ``channel`` was read and stored."""
        found = self.server.hget(self._key("cursors"), channel)
        return str(found) if found is not None else None

    def move_cursor(self, channel: str, cursor: str) -> None:
        """Store the position. Called only after everything before it is stored and queued."""
        self.server.hset(self._key("cursors"), channel, cursor)

    # ------------------------------------------------------------------ songs that replies work on

    def remember_song(self, mention: Mention, reply_id: str, song: AnsweredSong) -> None:
        """Let ``/again`` and its like find the song, by the reply's id and as the latest of the conversation."""
        for name in {f"reply:{reply_id}", f"latest:{mention.conversation or mention.author_id}"}:
            self.server.set(self._key("song", name), json.dumps(asdict(song)), ex=MEMORY_SECONDS)

    def song_for(self, mention: Mention) -> AnsweredSong | None:
        """The song that ``mention`` replies to, else of the latest one in the conversation."""
        names = [f"latest:{mention.conversation or mention.author_id}"]
        if mention.in_reply_to:
            names.insert(0, f"reply:{mention.in_reply_to}")
        for name in names:
            found = self.server.get(self._key("song", name))
            if found is not None:
                song: dict[str, Any] = json.loads(str(found))
                return AnsweredSong(song["request"], song["job"]) if "request" in song else AnsweredSong(song)
        return None

    # ------------------------------------------------------------------ counters

    def count(self, what: str, times: int = 1) -> None:
        """Add to a counter that `bot.metrics` reads."""
        pipe = self.server.pipeline()
        pipe.sadd("riffbird:bots", self.network)
        pipe.hincrby(self._key("counters"), what, times)
        pipe.execute()

    def heartbeat(self, now: float) -> None:
        """Store when the bot's loop last ran, and what its process uses."""
        report_bot(self.server, self.owner)
        pipe = self.server.pipeline()
        pipe.sadd("riffbird:bots", self.network)
        pipe.set(self._key("heartbeat"), f"{now:.0f}")
        pipe.execute()

    def spend(self, what: str, dollars: float, now: float, times: int = 1) -> float:
        """Count ``times`` paid calls of the kind ``what`` (negative: a refund); dollars spent in this UTC day."""
        key = self._key("spent", utc_day(now))
        pipe = self.server.pipeline()
        pipe.hincrby(key, "microdollars", round(dollars * MICRODOLLARS) * times)
        pipe.hincrby(key, what, times)
        pipe.expire(key, MEMORY_SECONDS)
        return int(pipe.execute()[0]) / MICRODOLLARS

    def spent_dollars(self, now: float) -> float:
        """Dollars spent in this UTC day."""
        found = self.server.hget(self._key("spent", utc_day(now)), "microdollars")
        return int(str(found or 0)) / MICRODOLLARS


def utc_day(now: float) -> str:
    """The UTC date of ``now``, as ``2026-11-21``."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()
