"""OAuth 1.0a as a server checks it (RFC 5849, HMAC-SHA1), written from the RFC and not from a client's library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from tests.bot.fakes.server import Call

LARGEST_SKEW_SECONDS = 300


@dataclass
class Keys:
    consumer_key: str = "ck-0123456789"
    consumer_secret: str = "cs-very-secret-consumer"
    token: str = "at-0123456789"
    token_secret: str = "ts-very-secret-token"


@dataclass
class Verifier:
    keys: Keys
    origin: str
    seen: set[tuple[str, str]] = field(default_factory=set)
    now: object = time.time

    def problem(self, call: Call) -> str | None:
        """Why the signature is not accepted, or None."""
        given = _authorization(call.headers.get("authorization", ""))
        if given.get("oauth_consumer_key") != self.keys.consumer_key:
            return "unknown consumer key"
        if given.get("oauth_token") != self.keys.token:
            return "unknown token"
        if abs(int(given["oauth_timestamp"]) - self.now()) > LARGEST_SKEW_SECONDS:  # type: ignore[operator]
            return "timestamp out of bounds"
        once = (given["oauth_timestamp"], given["oauth_nonce"])
        if once in self.seen:
            return "nonce used before"
        self.seen.add(once)
        signature = given.pop("oauth_signature")
        return None if hmac.compare_digest(signature, self._signature(call, given)) else "bad signature"

    def _signature(self, call: Call, given: dict[str, str]) -> str:
        pairs = [(name, value) for name, value in given.items() if name != "realm"]
        pairs += list(call.query.items())
        if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            pairs += parse_qsl(call.body.decode(), keep_blank_values=True)
        escaped = sorted((_escape(name), _escape(value)) for name, value in pairs)
        parameters = "&".join(f"{name}={value}" for name, value in escaped)
        base = "&".join([call.method, _escape(self.origin + call.path), _escape(parameters)])
        key = f"{_escape(self.keys.consumer_secret)}&{_escape(self.keys.token_secret)}"
        return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def _authorization(header: str) -> dict[str, str]:
    if not header.startswith("OAuth "):
        return {}
    return {unquote(name): unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}


def _escape(text: str) -> str:
    return quote(text, safe="-._~")
