"""X's rate limits, from the ``x-rate-limit-*`` headers of each answer, and tweepy's errors as `NetworkError`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import tweepy

from bot.networks.protocol import CredentialsError, ForbiddenError, InDoubtError, TryLaterError
from bot.networks.retry import Clock

UNKNOWN_RESET_SECONDS = 60.0
OUT_OF_CREDIT_SECONDS = 3600.0


@dataclass
class RateWindows:
    """Which endpoints' rate-limit windows are used up, so that they are not called."""

    clock: Clock
    _resets: dict[str, float] = field(default_factory=dict)

    def learn(self, response: requests.Response, **_: Any) -> None:
        """A ``requests`` response hook: store until when a window is used up."""
        name = endpoint(response.request.method or "", response.request.path_url)
        if response.headers.get("x-rate-limit-remaining") == "0" and "x-rate-limit-reset" in response.headers:
            self._resets[name] = float(response.headers["x-rate-limit-reset"])
        else:
            self._resets.pop(name, None)

    def require(self, method: str, path: str) -> None:
        """Raise ``TryLaterError`` while the endpoint's window is known to be used up."""
        left = self._resets.get(endpoint(method, path), 0.0) - self.clock.now()
        if left > 0:
            raise TryLaterError(f"{endpoint(method, path)} has used up its rate limit", retry_after_seconds=left + 1)


def endpoint(method: str, path: str) -> str:
    """``GET /2/users/:id/mentions``: the path without query and ids, as X counts its limits."""
    return f"{method} {re.sub(r'(?<=[a-z_])/[0-9][0-9-]*', '/:id', path.split('?', maxsplit=1)[0])}"


@contextmanager
def x_errors(clock: Clock, *, visible: bool = False) -> Iterator[None]:
    """Translate the errors of tweepy and requests. ``visible``: a lost answer may hide a post that was made."""
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


def _lost(text: str, *, visible: bool) -> TryLaterError | InDoubtError:
    return InDoubtError(text) if visible else TryLaterError(text)


def _until_reset(error: tweepy.TooManyRequests, clock: Clock) -> float:
    """Seconds until one second past the reset; 24-hour windows have separate headers."""
    headers = error.response.headers
    resets = [float(headers[name]) for name in headers if name.lower() in _EXHAUSTED and _is_spent(headers, name)]
    return max((reset - clock.now() + 1 for reset in resets), default=UNKNOWN_RESET_SECONDS)


_EXHAUSTED = ("x-rate-limit-reset", "x-user-limit-24hour-reset", "x-app-limit-24hour-reset")


def _is_spent(headers: Any, reset_name: str) -> bool:
    return str(headers.get(reset_name[: -len("reset")] + "remaining", "0")) == "0"


def _first_line(error: tweepy.HTTPException) -> str:
    return " ".join(str(error).split())[:200]
