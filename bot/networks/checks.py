"""Results of ``riffbird bot NETWORK --check``: one line per fact, with what to do about it."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from dataclasses import dataclass

from bot.networks.protocol import MediaRules, NetworkError

MAX_SKEW_SECONDS = 60.0  # X refuses signatures older than five minutes


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One fact; ``text`` says what was found or what is missing."""

    name: str
    good: bool
    text: str


def check_call(name: str, attempt: Callable[[], str], advice: str) -> CheckResult:
    """The result of ``attempt``, which returns what it found; on a `NetworkError`, the error and ``advice``."""
    try:
        return CheckResult(name, good=True, text=attempt())
    except NetworkError as error:
        return CheckResult(name, good=False, text=f"{error}. {advice}")


def media_result(rules: MediaRules) -> CheckResult:
    """Accepted formats and file size."""
    return CheckResult("media", good=True, text=f"{', '.join(rules.formats)}, up to {rules.most_bytes:,} bytes")


def clock_result(date_header: str | None, now: float) -> CheckResult:
    """Difference between this machine's clock and the ``Date`` header of an answer."""
    if not date_header:
        return CheckResult("clock", good=False, text="the network's answer has no Date header")
    skew = now - email.utils.parsedate_to_datetime(date_header).timestamp()
    if abs(skew) <= MAX_SKEW_SECONDS:
        return CheckResult("clock", good=True, text=f"{abs(skew):.0f} s from the network's")
    direction = "ahead of" if skew > 0 else "behind"
    text = f"{abs(skew):.0f} s {direction} the network's: turn on time synchronisation"
    return CheckResult("clock", good=False, text=text)
