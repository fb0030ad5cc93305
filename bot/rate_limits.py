"""Who may have a song now. Pure rules over what the reply_store knows of a person; knows no network and no storage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the rules say to one wish for a song."""

    ALLOWED = "welcome"
    COOLDOWN = "cooling-down"
    TOO_MANY_WAITING = "one-is-waiting"
    DAILY_LIMIT = "enough-today"
    IGNORED = "silence"  # blocked, stopped, or told already: no answer at all


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The house's rules for one person. ``cooldown_seconds`` runs from wish to wish."""

    cooldown_seconds: float = 60.0
    songs_a_day: int = 20
    waiting_songs: int = 1
    texts_a_day: int = 60


@dataclass(frozen=True, slots=True)
class Person:
    """What is remembered of one person. Times in unix seconds, ``songs_today`` in the UTC day of now."""

    stopped: bool = False
    blocked: bool = False
    last_song_at: float = 0.0
    last_limit_at: float = 0.0  # when a limit was last told
    songs_today: int = 0
    texts_today: int = 0
    waiting: int = 0


def check_song(person: Person, limits: RateLimits, now: float) -> Verdict:
    """Whether a song may be made for ``person`` now. A limit is told once a song, then met with silence."""
    if person.stopped or person.blocked:
        return Verdict.IGNORED
    verdict = _song_verdict(person, limits, now)
    if verdict is not Verdict.ALLOWED and person.last_limit_at > person.last_song_at:
        return Verdict.IGNORED
    return verdict


def check_text(person: Person, limits: RateLimits) -> Verdict:
    """Whether a reply without a song (help, a refused command) may be written now. A loop of two bots ends here."""
    quiet = person.stopped or person.blocked or person.texts_today >= limits.texts_a_day
    return Verdict.IGNORED if quiet else Verdict.ALLOWED


def wait_seconds(person: Person, limits: RateLimits, now: float) -> float:
    """How long until the cooldown is over."""
    return max(0.0, person.last_song_at + limits.cooldown_seconds - now)


def _song_verdict(person: Person, limits: RateLimits, now: float) -> Verdict:
    if person.songs_today >= limits.songs_a_day:
        return Verdict.DAILY_LIMIT
    if person.waiting >= limits.waiting_songs:
        return Verdict.TOO_MANY_WAITING
    if wait_seconds(person, limits, now) > 0:
        return Verdict.COOLDOWN
    return Verdict.ALLOWED
