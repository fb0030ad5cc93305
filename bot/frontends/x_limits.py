"""X's prices, rate limits and errors, in the bot's own words. Knows no posts and no media.

Prices are X's pay-per-use list of 2026 (docs.x.com, "pricing"); limits come from the ``x-rate-limit-*`` headers of
each answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import requests
import tweepy

from bot.frontends.patience import Clock
from bot.frontends.protocol import CredentialsError, DoubtfulError, ForbiddenError, TryLaterError

PRICE_DOLLARS = {
    "mention read": 0.001,
    "own post read": 0.001,
    "account read": 0.001,
    "message read": 0.010,
    "reply": 0.010,
    "message sent": 0.015,
}
UNKNOWN_RESET_SECONDS = 60.0
OUT_OF_CREDIT_SECONDS = 3600.0


class Counter(Protocol):
    """Where money is counted: the ledger."""

    def spend(self, what: str, dollars: float, now: float, times: int = 1) -> None:
        """Count ``times`` calls of the kind ``what``."""

    def spent_dollars(self, now: float) -> float:
        """What this UTC day has cost."""


@dataclass(frozen=True, slots=True)
class Purse:
    """A daily budget. When it is empty the bot waits for the next UTC day; what was asked stays at X until then."""

    counter: Counter
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


@dataclass
class RateBook:
    """What X last said about each endpoint's window, so that a spent one is not even asked."""

    clock: Clock
    _resets: dict[str, float] = field(default_factory=dict)

    def learn(self, response: requests.Response, **_: Any) -> None:
        """A ``requests`` response hook: note a window that is used up, and until when."""
        name = endpoint(response.request.method or "", response.request.path_url)
        if response.headers.get("x-rate-limit-remaining") == "0" and "x-rate-limit-reset" in response.headers:
            self._resets[name] = float(response.headers["x-rate-limit-reset"])
        else:
            self._resets.pop(name, None)

    def require(self, method: str, path: str) -> None:
        """Raise ``TryLaterError`` while the endpoint's window is known to be used up."""
        left = self._resets.get(endpoint(method, path), 0.0) - self.clock.now()
        if left > 0:
            raise TryLaterError(f"{endpoint(method, path)} rests until its window resets", retry_after_seconds=left + 1)


def endpoint(method: str, path: str) -> str:
    """``GET /2/users/:id/mentions``: the path without query and ids, as X counts its limits."""
    return f"{method} {re.sub(r'/[0-9][0-9-]*', '/:id', path.split('?', maxsplit=1)[0])}"


@contextmanager
def x_errors(clock: Clock, *, visible: bool = False) -> Iterator[None]:
    """Translate what tweepy and requests raise. ``visible``: a lost answer may hide a post that was made."""
    try:
        yield
    except tweepy.TooManyRequests as error:
        raise TryLaterError("X's rate limit is reached", retry_after_seconds=_until_reset(error, clock)) from None
    except tweepy.TwitterServerError as error:
        raise _lost(f"X answers {error.response.status_code}", visible=visible) from None
    except tweepy.Unauthorized as error:
        raise CredentialsError(f"X does not accept the account's keys: {_first_line(error)}") from None
    except (tweepy.Forbidden, tweepy.BadRequest, tweepy.NotFound) as error:
        raise ForbiddenError(f"X refuses: {_first_line(error)}") from None
    except tweepy.HTTPException as error:
        raise TryLaterError(f"X answers {_first_line(error)}", retry_after_seconds=OUT_OF_CREDIT_SECONDS) from None
    except requests.exceptions.ConnectTimeout:
        raise TryLaterError("X cannot be reached") from None
    except (requests.exceptions.RequestException, ValueError) as error:
        raise _lost(f"X's answer is lost: {type(error).__name__}", visible=visible) from None


def _lost(text: str, *, visible: bool) -> TryLaterError | DoubtfulError:
    return DoubtfulError(text) if visible else TryLaterError(text)


def _until_reset(error: tweepy.TooManyRequests, clock: Clock) -> float:
    """A second past the reset; the 24-hour windows have headers of their own."""
    headers = error.response.headers
    resets = [float(headers[name]) for name in headers if name.lower() in _EXHAUSTED and _is_spent(headers, name)]
    return max((reset - clock.now() + 1 for reset in resets), default=UNKNOWN_RESET_SECONDS)


_EXHAUSTED = ("x-rate-limit-reset", "x-user-limit-24hour-reset", "x-app-limit-24hour-reset")


def _is_spent(headers: Any, reset_name: str) -> bool:
    return str(headers.get(reset_name[: -len("reset")] + "remaining", "0")) == "0"


def _first_line(error: tweepy.HTTPException) -> str:
    return " ".join(str(error).split())[:200]
