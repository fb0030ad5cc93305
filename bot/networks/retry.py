"""Clocks and backoff: how long to wait before trying again. Knows no network.

Jitter is the full kind: spread over the whole interval, so that bots that failed together do not return together.
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from bot.networks.protocol import TryLaterError

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 300.0
TRIES = 4

Result = TypeVar("Result")


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> float:
        """Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait; may end early when something wakes the bot."""


class SystemClock:
    """The machine's clock. ``wake`` ends the present or next sleep at once."""

    def __init__(self) -> None:
        self._wakened = threading.Event()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait at most ``seconds``."""
        self._wakened.wait(timeout=max(0.0, seconds))
        self._wakened.clear()

    def wake(self) -> None:
        """End a sleep from another thread or a signal handler."""
        self._wakened.set()


def backoff_seconds(attempt: int, generator: random.Random, *, longest: float = LONGEST_WAIT_SECONDS) -> float:
    """Seconds to wait after the ``attempt``-th failure (from 1): doubling, with full jitter, never under a half."""
    ceiling = min(longest, FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 20))
    return max(0.5, generator.uniform(0.0, ceiling))


def with_retries(call: Callable[[], Result], clock: Clock, generator: random.Random, *, tries: int = TRIES) -> Result:
    """``call``'s result, retried on ``TryLaterError`` that names no time of its own. For harmless repeats only."""
    for attempt in range(1, tries):
        try:
            return call()
        except TryLaterError as error:
            if error.retry_after_seconds is not None:
                raise
            clock.sleep(backoff_seconds(attempt, generator, longest=8.0))
    return call()
