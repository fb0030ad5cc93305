"""Rate limits per person: pure rules over what the reply store knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The answer to one request for a song."""

    ALLOWED = "allowed"
    COOLDOWN = "cooldown"
    TOO_MANY_WAITING = "too-many-waiting"
    DAILY_LIMIT = "daily-limit"
    IGNORED = "ignored"  # blocked, opted out, or already notified: no answer at all


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Limits for one person. ``cooldown_seconds`` counts from request to request; days are UTC."""

    cooldown_seconds: float = 60.0
    songs_a_day: int = 20
    waiting_songs: int = 1
    texts_a_day: int = 60


@dataclass(frozen=True, slots=True)
class Person:
    """What is stored of one person. Times in unix seconds, counts for the current UTC day."""

    stopped: bool = False
    blocked: bool = False
    last_song_at: float = 0.0
    last_limit_at: float = 0.0  # time of the last notice of a limit
    songs_today: int = 0
    texts_today: int = 0
    waiting: int = 0


def check_song(person: Person, limits: RateLimits, now: float) -> Verdict:
    """Whether ``person`` may have a song now. A limit is mentioned once per song, later requests are ignored."""
    if person.stopped or person.blocked:
        return Verdict.IGNORED
    verdict = _song_verdict(person, limits, now)
    if verdict is not Verdict.ALLOWED and person.last_limit_at > person.last_song_at:
        return Verdict.IGNORED
    return verdict


def check_text(person: Person, limits: RateLimits) -> Verdict:
    """Whether ``person`` may have a reply without a song. The daily limit ends loops between two bots."""
    ignored = person.stopped or person.blocked or person.texts_today >= limits.texts_a_day
    return Verdict.IGNORED if ignored else Verdict.ALLOWED


def wait_seconds(person: Person, limits: RateLimits, now: float) -> float:
    """Seconds until the cooldown ends."""
    return max(0.0, person.last_song_at + limits.cooldown_seconds - now)


def _song_verdict(person: Person, limits: RateLimits, now: float) -> Verdict:
    if person.songs_today >= limits.songs_a_day:
        return Verdict.DAILY_LIMIT
    if person.waiting >= limits.waiting_songs:
        return Verdict.TOO_MANY_WAITING
    if wait_seconds(person, limits, now) > 0:
        return Verdict.COOLDOWN
    return Verdict.ALLOWED
