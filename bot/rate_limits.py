"""Who may have a song now. Pure rules over what the ledger knows of a person; knows no network and no storage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the rules say to one wish for a song."""

    WELCOME = "welcome"
    COOLING_DOWN = "cooling-down"
    ONE_IS_WAITING = "one-is-waiting"
    ENOUGH_TODAY = "enough-today"
    SILENCE = "silence"  # blocked, stopped, or told already: no answer at all


@dataclass(frozen=True, slots=True)
class Policy:
    """The house's rules for one person. ``cooldown_seconds`` runs from wish to wish."""

    cooldown_seconds: float = 60.0
    songs_a_day: int = 20
    waiting_songs: int = 1
    words_a_day: int = 60


@dataclass(frozen=True, slots=True)
class Person:
    """What is remembered of one person. Times in unix seconds, ``songs_today`` in the UTC day of now."""

    stopped: bool = False
    blocked: bool = False
    last_song_at: float = 0.0
    last_limit_at: float = 0.0  # when a limit was last told
    songs_today: int = 0
    words_today: int = 0
    waiting: int = 0


def judge(person: Person, policy: Policy, now: float) -> Verdict:
    """Whether a song may be made for ``person`` now. A limit is told once a song, then met with silence."""
    if person.stopped or person.blocked:
        return Verdict.SILENCE
    verdict = _song_verdict(person, policy, now)
    if verdict is not Verdict.WELCOME and person.last_limit_at > person.last_song_at:
        return Verdict.SILENCE
    return verdict


def judge_words(person: Person, policy: Policy) -> Verdict:
    """Whether a reply without a song (help, a refused command) may be written now. A loop of two bots ends here."""
    quiet = person.stopped or person.blocked or person.words_today >= policy.words_a_day
    return Verdict.SILENCE if quiet else Verdict.WELCOME


def wait_seconds(person: Person, policy: Policy, now: float) -> float:
    """How long until the cooldown is over."""
    return max(0.0, person.last_song_at + policy.cooldown_seconds - now)


def _song_verdict(person: Person, policy: Policy, now: float) -> Verdict:
    if person.songs_today >= policy.songs_a_day:
        return Verdict.ENOUGH_TODAY
    if person.waiting >= policy.waiting_songs:
        return Verdict.ONE_IS_WAITING
    if wait_seconds(person, policy, now) > 0:
        return Verdict.COOLING_DOWN
    return Verdict.WELCOME
