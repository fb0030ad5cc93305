"""What X charges, and a daily budget that pauses the bot politely. Knows no posts.

Prices are X's pay-per-use list of 2026 (docs.x.com, "pricing"), in US dollars. There is none for links: none is posted.
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


class SpendCounter(Protocol):
    """Where money is counted: the reply_store."""

    def spend(self, what: str, dollars: float, now: float, times: int = 1) -> None:
        """Count ``times`` calls of the kind ``what``."""

    def spent_dollars(self, now: float) -> float:
        """What this UTC day has cost."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A daily budget. When it is empty the bot waits for the next UTC day; what was asked stays at X until then."""

    counter: SpendCounter
    clock: Clock
    daily_dollars: float

    def require(self, what: str) -> None:
        """Raise ``TryLaterError`` until midnight UTC if one more ``what`` would go over the budget."""
        now = self.clock.now()
        if self.counter.spent_dollars(now) + PRICE_DOLLARS[what] > self.daily_dollars:
            text = f"the daily budget of ${self.daily_dollars:.2f} (RIFFBIRD_X_DAILY_BUDGET_DOLLARS) is spent"
            raise TryLaterError(text, retry_after_seconds=seconds_to_midnight(now))

    def affords(self, what: str, most: int) -> int:
        """How many of ``what`` fit in what is left, at most ``most``."""
        left = self.daily_dollars - self.counter.spent_dollars(self.clock.now())
        return max(0, min(most, int(left / PRICE_DOLLARS[what] + 1e-6)))

    def pay(self, what: str, times: int = 1) -> None:
        """Count what was used."""
        if times:
            self.counter.spend(what, PRICE_DOLLARS[what], self.clock.now(), times)


def seconds_to_midnight(now: float) -> float:
    """Until the UTC day after ``now`` begins."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + timedelta(days=1)).timestamp() - now
