"""What X charges, and a daily budget. When it is spent the bot waits for the next UTC day.

Prices are X's pay-per-use list of 2026 (docs.x.com, "pricing"), in US dollars.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bot.networks.protocol import TryLaterError
from bot.networks.retry import Clock

PRICE_DOLLARS = {
    "mention read": 0.001,
    "own post read": 0.001,
    "account read": 0.001,
    "message read": 0.010,
    "reply": 0.010,
    "message sent": 0.015,
}
ROUNDING = 1e-9


class SpendCounter(Protocol):
    """Where money is counted: the reply store."""

    def spend(self, what: str, dollars: float, now: float, times: int = 1) -> float:
        """Count ``times`` calls of the kind ``what``; dollars spent in this UTC day."""

    def spent_dollars(self, now: float) -> float:
        """Dollars spent in this UTC day."""

    def owed(self) -> int:
        """Number of open owed replies."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most ``daily_dollars`` in a UTC day. Reading leaves enough to answer what was read."""

    counter: SpendCounter
    clock: Clock
    daily_dollars: float

    def reserve(self, what: str) -> None:
        """Count one call before it is made. Raises ``TryLaterError`` until midnight UTC if it exceeds the budget."""
        now = self.clock.now()
        if self.counter.spend(what, PRICE_DOLLARS[what], now) > self.daily_dollars + ROUNDING:
            self.refund(what)
            raise self._spent(now)

    def refund(self, what: str) -> None:
        """Take back a reserved call that was not made."""
        self.counter.spend(what, PRICE_DOLLARS[what], self.clock.now(), -1)

    def require(self, what: str, times: int = 1) -> None:
        """Raise ``TryLaterError`` until midnight UTC if ``times`` calls exceed the budget."""
        now = self.clock.now()
        if self.counter.spent_dollars(now) + times * PRICE_DOLLARS[what] > self.daily_dollars + ROUNDING:
            raise self._spent(now)

    def page_size(self, what: str, answer: str, least: int, most: int) -> int:
        """How many of ``what`` to read so that each can get an ``answer`` today, beside the replies owed already.

        Raises ``TryLaterError`` until midnight UTC if ``least`` cannot be read and one of them answered.
        """
        now = self.clock.now()
        read, reply = PRICE_DOLLARS[what], PRICE_DOLLARS[answer]
        left = self.daily_dollars - self.counter.spent_dollars(now) - self.counter.owed() * reply + ROUNDING
        if left < least * read + reply:
            raise self._spent(now)
        return max(least, min(most, int(left / (read + reply))))

    def affordable(self, what: str, least: int, most: int) -> int:
        """How many of ``what`` fit in today's budget, at most ``most``. Raises ``TryLaterError`` below ``least``."""
        now = self.clock.now()
        left = self.daily_dollars - self.counter.spent_dollars(now) + ROUNDING
        if left < least * PRICE_DOLLARS[what]:
            raise self._spent(now)
        return min(most, int(left / PRICE_DOLLARS[what]))

    def pay(self, what: str, times: int = 1) -> None:
        """Count ``times`` calls that were made."""
        if times:
            self.counter.spend(what, PRICE_DOLLARS[what], self.clock.now(), times)

    def _spent(self, now: float) -> TryLaterError:
        text = f"the daily budget of ${self.daily_dollars:.2f} (RIFFBIRD_X_DAILY_BUDGET_DOLLARS) is spent"
        return TryLaterError(text, retry_after_seconds=seconds_to_midnight(now))


def seconds_to_midnight(now: float) -> float:
    """Seconds until the next UTC day."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + timedelta(days=1)).timestamp() - now
