"""Clocks, and exponential backoff with full jitter, so bots that failed together do not return together.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from bot.networks.protocol import StoppingError, TryLaterError

FIRST_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 300.0
TRIES = 4

Result = TypeVar("Result")


class Clock(Protocol):
    """Time, replaceable in tests."""

    def now(self) -> float:
        """Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``, in any thread. Raises ``StoppingError`` if the bot shuts down meanwhile."""

    def wait(self, seconds: float) -> None:
        """Wait at most ``seconds`` in the bot's loop; ``wake`` ends it early."""


class SystemClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._stopping = threading.Event()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """As `Clock.sleep`."""
        if self._stopping.wait(timeout=max(0.0, seconds)):
            raise StoppingError("the bot is stopping")

    def wait(self, seconds: float) -> None:
        """As `Clock.wait`."""
        self._woken.wait(timeout=max(0.0, seconds))
        self._woken.clear()

    def wake(self) -> None:
        """End the present or next ``wait``, from another thread or a signal handler."""
        self._woken.set()

    def stop(self) -> None:
        """End every present and later ``sleep`` with ``StoppingError``, and the loop's ``wait``."""
        self._stopping.set()
        self._woken.set()


def backoff_seconds(attempt: int, generator: random.Random, *, longest: float = MAX_WAIT_SECONDS) -> float:
    """Seconds to wait after failure number ``attempt`` (from 1): doubling, full jitter, at least 0.5."""
    ceiling = min(longest, FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 20))
    return max(0.5, generator.uniform(0.0, ceiling))


def with_retries(call: Callable[[], Result], clock: Clock, generator: random.Random, *, tries: int = TRIES) -> Result:
    """The result of ``call``, repeated on a ``TryLaterError`` without a time of its own. For idempotent calls only."""
    for attempt in range(1, tries):
        try:
            return call()
        except StoppingError:
            raise
        except TryLaterError as error:
            if error.retry_after_seconds is not None:
                raise
            clock.sleep(backoff_seconds(attempt, generator, longest=8.0))
    return call()
