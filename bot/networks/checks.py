"""What ``riffbird bot NETWORK --check`` finds: one line a fact, with what is to be done about it. Knows no network."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from dataclasses import dataclass

from bot.networks.protocol import MediaRules, NetworkError

LARGEST_SKEW_SECONDS = 60.0  # X refuses signatures older than five minutes


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One fact: ``good``, or what exactly is missing."""

    name: str
    good: bool
    text: str


def check_call(name: str, attempt: Callable[[], str], advice: str) -> CheckResult:
    """The result of ``attempt``, which returns what it saw; where the network refuses, its words and ``advice``."""
    try:
        return CheckResult(name, good=True, text=attempt())
    except NetworkError as error:
        return CheckResult(name, good=False, text=f"{error}. {advice}")


def media_result(rules: MediaRules) -> CheckResult:
    """Which files the network takes."""
    return CheckResult("media", good=True, text=f"{', '.join(rules.formats)}, up to {rules.most_bytes:,} bytes")


def clock_result(date_header: str | None, now: float) -> CheckResult:
    """How far this machine's clock is from the network's, by the ``Date`` of an answer."""
    if not date_header:
        return CheckResult("clock", good=False, text="the network did not tell its time")
    ahead = now - email.utils.parsedate_to_datetime(date_header).timestamp()
    if abs(ahead) <= LARGEST_SKEW_SECONDS:
        return CheckResult("clock", good=True, text=f"{abs(ahead):.0f} s from the network's")
    direction = "ahead of" if ahead > 0 else "behind"
    text = f"{abs(ahead):.0f} s {direction} the network's: turn on time synchronisation"
    return CheckResult("clock", good=False, text=text)
