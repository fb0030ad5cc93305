"""Signing in to X: OAuth 1.0a user keys, or OAuth 2 with a refresh token that is renewed and kept.

tweepy has no request timeout, no token refresh and no setting for another host; all three are added on its session.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter

from bot.networks.protocol import CredentialsError
from bot.networks.retry import Clock
from bot.networks.x.limits import RateWindows, x_errors
from bot.settings import BotSettings, plain
from midi_data.atomic import atomic_path

API_ORIGIN = "https://api.twitter.com"  # the one tweepy calls
EARLY_SECONDS = 120.0  # a token is renewed this long before it expires
POOL_SIZE = 64  # connections kept for the threads that upload
OAUTH1_NAMES = ("x_consumer_key", "x_consumer_secret", "x_access_token", "x_access_token_secret")
OAUTH2_NAMES = ("x_client_id", "x_refresh_token")
CHATTY_LOGGERS = ("tweepy", "oauthlib", "requests_oauthlib", "urllib3")


class XAdapter(HTTPAdapter):
    """Gives every request a timeout; with ``origin``, sends it there after it was signed for X (a proxy, a test)."""

    def __init__(self, timeout_seconds: float, origin: str = "") -> None:
        super().__init__(pool_maxsize=POOL_SIZE)
        self.timeout_seconds = timeout_seconds
        self.origin = urlsplit(origin)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """As ``HTTPAdapter.send``."""
        if self.origin.netloc:
            there = urlsplit(str(request.url))._replace(scheme=self.origin.scheme, netloc=self.origin.netloc)
            request.url = urlunsplit(there)
        kwargs["timeout"] = kwargs.get("timeout") or self.timeout_seconds
        return super().send(request, *args, **kwargs)


@dataclass
class Tokens:
    """Valid OAuth 2 access tokens. The refresh token changes at every use, so the file has the only valid one.

    Two processes may share the file: it is locked while a token is renewed, and read again first.
    """

    session: requests.Session = field(repr=False)
    settings: BotSettings = field(repr=False)
    clock: Clock = field(repr=False)
    scopes: str = ""

    def current(self, *, refused: str = "") -> str:
        """A valid access token, other than the ``refused`` one."""
        kept = self._read()
        if kept.get("access_token", refused) != refused and kept["expires_at"] - EARLY_SECONDS > self.clock.now():
            self.scopes = kept.get("scope", "")
            return str(kept["access_token"])
        with self._locked():
            again = self._read()
            if again == kept:
                again = self._renewed(str(kept.get("refresh_token") or plain(self.settings.x_refresh_token)))
            self.scopes = again.get("scope", "")
            return str(again["access_token"])

    def _renewed(self, refresh_token: str) -> dict[str, Any]:
        secret = plain(self.settings.x_client_secret)
        client = plain(self.settings.x_client_id)
        with x_errors(self.clock):
            response = self.session.post(
                f"{API_ORIGIN}/2/oauth2/token",
                data={"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client},
                auth=(client, secret) if secret else None,
            )
            answer = response.json()
        if response.status_code != 200:
            reason = answer.get("error", response.status_code)
            raise CredentialsError(f"X does not renew the token ({reason}): sign in again, see docs/bots.md")
        kept = {name: answer.get(name, "") for name in ("access_token", "refresh_token", "scope")}
        kept["expires_at"] = self.clock.now() + float(answer.get("expires_in", 7200))
        self._write(kept)
        return kept

    def _read(self) -> dict[str, Any]:
        path = self.settings.token_path
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return kept

    def _write(self, kept: dict[str, Any]) -> None:
        path = self.settings.token_path
        with atomic_path(path, mode=0o600) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock: Path = self.settings.token_path.with_suffix(".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class XClient(tweepy.Client):  # type: ignore[misc]  # the library has no types
    """tweepy's client with timeouts, renewed tokens, remembered rate limits and the flag ``made_with_ai``."""

    def __init__(self, settings: BotSettings, clock: Clock) -> None:
        has_keys = not settings.missing(*OAUTH1_NAMES)
        keys = [plain(getattr(settings, name)) for name in OAUTH1_NAMES] if has_keys else []
        super().__init__(None, *keys, return_type=dict)
        self.signed = has_keys
        self.windows = RateWindows(clock)
        self.session.mount("https://", XAdapter(settings.bot_request_timeout_seconds, settings.x_api_origin))
        self.session.hooks["response"].append(self.windows.learn)
        self.tokens = None if has_keys else Tokens(self.session, settings, clock)
        for name in CHATTY_LOGGERS:  # at DEBUG they write keys and signatures
            logging.getLogger(name).setLevel(logging.WARNING)

    def __repr__(self) -> str:
        return f"<XClient {'OAuth 1.0a' if self.signed else 'OAuth 2'}>"

    def request(
        self,
        method: str,
        route: str,
        params: Any = None,
        json: Any = None,
        user_auth: bool = False,  # noqa: ARG002  decided by the keys there are
    ) -> requests.Response:
        """As tweepy's."""
        self.windows.require(method, route)
        if (method, route) == ("POST", "/2/tweets"):
            json = {**json, "made_with_ai": True}
        if self.tokens is None:
            return cast("requests.Response", super().request(method, route, params, json, user_auth=True))
        self.bearer_token = self.tokens.current()
        try:
            return cast("requests.Response", super().request(method, route, params, json))
        except tweepy.Unauthorized:
            self.bearer_token = self.tokens.current(refused=str(self.bearer_token))
            return cast("requests.Response", super().request(method, route, params, json))

    def send_file(self, route: str, fields: dict[str, str], name: str, content: bytes) -> requests.Response:
        """POST a multipart form, which tweepy's v2 client lacks. An OAuth 1.0a signature does not cover its body."""
        self.windows.require("POST", route)
        files = {name: ("chunk", content, "application/octet-stream")}
        response: requests.Response = self.session.post(API_ORIGIN + route, data=fields, files=files, auth=self._auth())
        _raise_for(response)
        return response

    def _auth(self) -> Any:
        if self.tokens is None:
            keys = (self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret)
            return tweepy.OAuth1UserHandler(*keys).apply_auth()
        return tweepy.OAuth2BearerHandler(self.tokens.current())


_ERRORS = {400: tweepy.BadRequest, 401: tweepy.Unauthorized, 403: tweepy.Forbidden, 404: tweepy.NotFound}


def _raise_for(response: requests.Response) -> None:
    """Raise tweepy's errors for a request that did not go through ``tweepy.Client.request``."""
    if response.status_code == 429:
        raise tweepy.TooManyRequests(response)
    if response.status_code >= 500:
        raise tweepy.TwitterServerError(response)
    if response.status_code >= 400:
        raise _ERRORS.get(response.status_code, tweepy.HTTPException)(response)
