"""A fake personal data server of Bluesky on loopback, for the unmodified atproto client.

Sessions, notifications by page, blobs, records by key (a second put replaces the first). https://docs.bsky.app
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.bot.fakes.server import Call, FakeServer, Reply, Window
from tests.bot.fakes.videos import Played, play

DID = "did:plc:band"
HANDLE = "riffbird.test"
PASSWORD = "abcd-efgh-ijkl-mnop"


class FakeBluesky(FakeServer):
    """The bot's account, everybody who writes to it, and its records."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self.notifications: list[dict[str, Any]] = []
        self.records: dict[str, dict[str, Any]] = {}
        self.puts = 0
        self.blobs: dict[str, bytes] = {}
        self.refused_types: set[str] = set()
        self.violations: list[str] = []
        self._count = 0
        window = Window(3000, 300.0)
        for method, name, handler in (
            ("POST", "com.atproto.server.createSession", self.sign_in),
            ("POST", "com.atproto.server.refreshSession", self.sign_in),
            ("GET", "app.bsky.notification.listNotifications", self.read),
            ("POST", "com.atproto.repo.uploadBlob", self.upload),
            ("POST", "com.atproto.repo.putRecord", self.put),
            ("GET", "com.atproto.repo.getRecord", self.get),
            ("POST", "com.atproto.repo.deleteRecord", self.delete),
        ):
            self.route(method, f"/xrpc/{name}", handler, window)

    # ------------------------------------------------------------------ people

    def write(self, who: str, text: str, reason: str = "mention", **record: Any) -> dict[str, Any]:
        """A post of ``who`` that the account is notified of."""
        self._count += 1
        uri = f"at://did:plc:{who}/app.bsky.feed.post/{self._count:013}"
        notification = {
            "uri": uri, "cid": f"cid{self._count}", "reason": reason, "indexedAt": stamp(self.now()), "isRead": False,
            "author": {"did": f"did:plc:{who}", "handle": f"{who}.test", "labels": []},
            "record": {"$type": "app.bsky.feed.post", "text": text, "createdAt": stamp(self.now()), **record},
        }  # fmt: skip
        with self.lock:
            self.notifications.append(notification)
        return notification

    def replies_to(self, notification: dict[str, Any]) -> list[dict[str, Any]]:
        return [one for one in self.records.values() if one["reply"]["parent"]["uri"] == notification["uri"]]

    def played(self, record: dict[str, Any]) -> Played:
        return play(self.blobs[record["embed"]["video"]["ref"]["$link"]])

    # ------------------------------------------------------------------ the API

    def authorize(self, call: Call) -> Reply | None:
        if "createSession" in call.path or call.headers.get("authorization", "") == f"Bearer {token(self.now())}":
            return None
        return Reply(401, {"error": "AuthMissing", "message": "Authentication Required"})

    def error(self, status: int) -> Reply:
        return Reply(status, {"error": "InjectedError", "message": f"injected {status}"})

    def _rate_headers(self, window: Window | None) -> dict[str, str]:
        return {} if window is None else {"ratelimit-reset": str(int(window.reset)), "ratelimit-limit": "3000"}

    def sign_in(self, call: Call) -> Reply:
        body = call.json()
        if body and (body.get("identifier"), body.get("password")) != (HANDLE, PASSWORD):
            return Reply(401, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"})
        jwt = token(self.now())
        return Reply(200, {"did": DID, "handle": HANDLE, "accessJwt": jwt, "refreshJwt": jwt, "active": True})

    def read(self, call: Call) -> Reply:
        begin, size = int(call.query.get("cursor", 0)), int(call.query.get("limit", 50))
        newest = self.notifications[::-1]
        page: dict[str, Any] = {"notifications": newest[begin : begin + size]}
        return Reply(200, page | ({"cursor": str(begin + size)} if begin + size < len(newest) else {}))

    def upload(self, call: Call) -> Reply:
        mime = call.headers.get("content-type", "")
        if mime in self.refused_types:
            return Reply(400, {"error": "InvalidMimeType", "message": "Wrong type"})
        link = hashlib.sha256(call.body).hexdigest()
        self.blobs[link] = call.body
        blob = {"$type": "blob", "ref": {"$link": link}, "mimeType": mime, "size": len(call.body)}
        return Reply(200, {"blob": blob})

    def put(self, call: Call) -> Reply:
        body = call.json()
        record = body["record"]
        if len(record["text"]) > 300:
            self.violations.append("a text above 300")
        if len(body["rkey"]) != 13 or not set(body["rkey"]) <= set("234567abcdefghijklmnopqrstuvwxyz"):
            self.violations.append(f"no TID: {body['rkey']}")
        self.puts += 1
        self.records[body["rkey"]] = record
        return Reply(200, {"uri": f"at://{DID}/app.bsky.feed.post/{body['rkey']}", "cid": "cid"})

    def get(self, call: Call) -> Reply:
        record = self.records.get(call.query["rkey"])
        if record is None:
            return Reply(400, {"error": "RecordNotFound", "message": "Could not locate record"})
        return Reply(200, {"uri": f"at://{DID}/app.bsky.feed.post/{call.query['rkey']}", "value": record})

    def delete(self, call: Call) -> Reply:
        self.records.pop(call.json()["rkey"], None)
        return Reply(200, {})


def token(now: float) -> str:
    """A JWT that is valid for years around ``now``; its signature is nobody's."""
    year = datetime.fromtimestamp(now, UTC).year
    end = int(datetime(year + 5, 1, 1, tzinfo=UTC).timestamp())
    claims = {"scope": "com.atproto.access", "sub": DID, "iat": 0, "exp": end}
    parts = [{"alg": "ES256K", "typ": "at+jwt"}, claims, "signature"]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
