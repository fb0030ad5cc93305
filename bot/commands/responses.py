"""Which of `bot.commands.messages`'s sentences is said to whom, within the length of where it is posted.

The seam between what happened to a mention and its words. Knows no network by name and writes no sentence itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from bot.commands.genre_names import GenreBook
from bot.commands.messages import (
    alt_text,
    apology_reply,
    cooldown_reply,
    genres_reply,
    help_reply,
    nothing_to_repeat_reply,
    one_waiting_reply,
    queue_full_reply,
    queued_reply,
    refusal_reply,
    song_reply,
    too_many_reply,
)
from bot.commands.parser import ParsedText
from bot.commands.text_length import Measure
from bot.networks.protocol import Mention, Network
from bot.rate_limits import RateLimits, Verdict
from composer.genre_store import spellings
from worker.client import JobState, SongRecord, Submission


class Room(TypedDict):
    """How much may be said."""

    limit: int
    measure: Measure


@dataclass(frozen=True)
class HouseWords:
    """The words for one network; its limits are asked each time, since some are learnt at sign-in."""

    network: Network

    def _room(self, mention: Mention) -> Room:
        limits = self.network.limits
        length = limits.message_length if mention.is_private else limits.text_length
        return {"limit": length, "measure": limits.measure}

    def answer(self, mention: Mention, parsed: ParsedText) -> str:
        """The reply to everything that gets no song: help, the genres, a refusal, ``/again`` under no song of ours."""
        room = self._room(mention)
        table: dict[str, Callable[[], str]] = {
            "help": lambda: help_reply(**room),
            "genres": lambda: genres_reply(GenreBook(spellings()).names, **room),
            "again": lambda: nothing_to_repeat_reply(**room),
        }
        return table.get(parsed.kind, lambda: refusal_reply(parsed.refusal or "", **room))()

    def limit(self, mention: Mention, verdict: Verdict, limits: RateLimits, wait_seconds: float) -> str:
        """The reply to a wish that the house rules do not allow now."""
        room = self._room(mention)
        if verdict is Verdict.COOLDOWN:
            return cooldown_reply(wait_seconds, **room)
        if verdict is Verdict.DAILY_LIMIT:
            return too_many_reply(limits.songs_a_day, **room)
        return one_waiting_reply(**room)

    def queue_full(self, mention: Mention, wait_seconds: float) -> str:
        """The reply when as many songs wait as may wait."""
        return queue_full_reply(wait_seconds, **self._room(mention))

    def queued(self, mention: Mention, submission: Submission) -> str:
        """Where the song waits, for networks where a word in between is welcome."""
        return queued_reply(submission.position, submission.eta_seconds, **self._room(mention))

    def no_song(self, mention: Mention, song: JobState) -> str:
        """The reply to a song that was refused by the band, or failed by our fault."""
        if song.status == "refused":
            return refusal_reply(song.problem or "", **self._room(mention))
        return self.apology(mention)

    def apology(self, mention: Mention) -> str:
        """The reply when it is our fault."""
        return apology_reply(**self._room(mention))

    def song(self, mention: Mention, song: SongRecord, notices: tuple[str, ...]) -> str:
        """The caption of a finished song."""
        return song_reply(song.rendition, song.request, notices, **self._room(mention))

    def alt_text(self, song: SongRecord) -> str:
        """The song in words, for people who do not accept it."""
        return alt_text(song.rendition, limit=self.network.limits.alt_text_length)
