"""Chooses the text of a reply from `bot.commands.messages` and fits it to the network's limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from bot.commands.genre_names import GenreNames
from bot.commands.grammar import REVISION_VERBS
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
    start_reply,
    stop_reply,
    too_many_reply,
    unplayable_reply,
)
from bot.commands.parser import ParsedText
from bot.commands.text_length import Measure
from bot.networks.protocol import Mention, Network
from bot.rate_limits import RateLimits, Verdict
from composer.genre_store import spellings
from worker.client import JobState, SongRecord, Submission


class Room(TypedDict):
    """Length limit of a text, and how it is counted."""

    limit: int
    measure: Measure


def _words_again(song: SongRecord) -> str:
    """The reply that makes a song with given notes again; empty for a song that its own words repeat."""
    revision = song.revision
    if revision is None or not revision.needs_notes:
        return ""
    names = [song.rendition.parts[number].name for number in revision.replaced if number < len(song.rendition.parts)]
    value = f" {', '.join(names)}" if revision.action == "replace" else f" /l {song.request.length_seconds:g}"
    return f"/{revision.action}{value} /v {song.request.variation}, in reply to the song before"


@dataclass(frozen=True)
class Responses:
    """Replies for one network. Its limits are read at each call, since some are known only after sign-in."""

    network: Network

    def _room(self, mention: Mention) -> Room:
        limits = self.network.limits
        length = limits.message_length if mention.is_private else limits.text_length
        return {"limit": length, "measure": limits.measure}

    def answer(self, mention: Mention, parsed: ParsedText) -> str:
        """The reply to a message that gets no song: help, genres, a refusal, an opt-out."""
        room = self._room(mention)
        table: dict[str, Callable[[], str]] = {
            "help": lambda: help_reply(**room),
            "genres": lambda: genres_reply(GenreNames(spellings()).names, **room),
            **dict.fromkeys(REVISION_VERBS, lambda: nothing_to_repeat_reply(**room)),
            "stop": lambda: stop_reply(**room),
            "start": lambda: start_reply(**room),
        }
        return table.get(parsed.kind, lambda: refusal_reply(parsed.refusal or "", **room))()

    def limit(self, mention: Mention, verdict: Verdict, limits: RateLimits, wait_seconds: float) -> str:
        """The reply to a request above a rate limit."""
        room = self._room(mention)
        if verdict is Verdict.COOLDOWN:
            return cooldown_reply(wait_seconds, **room)
        if verdict is Verdict.DAILY_LIMIT:
            return too_many_reply(limits.songs_a_day, **room)
        return one_waiting_reply(**room)

    def queue_full(self, mention: Mention, wait_seconds: float) -> str:
        """The reply when the queue is full."""
        return queue_full_reply(wait_seconds, **self._room(mention))

    def queued(self, mention: Mention, submission: Submission) -> str:
        """The song's place in the queue."""
        return queued_reply(submission.position, submission.eta_seconds, **self._room(mention))

    def no_song(self, mention: Mention, song: JobState) -> str:
        """The reply to a song that was refused or failed."""
        if song.status == "refused":
            return refusal_reply(song.problem or "", **self._room(mention))
        return self.apology(mention)

    def unplayable(self, mention: Mention) -> str:
        """The reply to a song whose files the network does not accept."""
        return unplayable_reply(**self._room(mention))

    def apology(self, mention: Mention) -> str:
        """The reply to a fault of the service."""
        return apology_reply(**self._room(mention))

    def song(self, mention: Mention, song: SongRecord, notices: tuple[str, ...]) -> str:
        """The caption of a finished song."""
        return song_reply(song.rendition, song.request, notices, repeat=_words_again(song), **self._room(mention))

    def alt_text(self, song: SongRecord) -> str:
        """Description of the song for screen readers."""
        return alt_text(song.rendition, limit=self.network.limits.alt_text_length)
