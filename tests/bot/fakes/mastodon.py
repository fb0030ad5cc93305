"""A fake Mastodon instance on loopback, as documented, for the unmodified Mastodon.py client.

Bearer token, rate limits with ISO resets, notifications by id, asynchronous media, idempotency keys, threads, the
user stream as server-sent events. https://docs.joinmastodon.org/methods/
"""

from __future__ import annotations

import html
import queue
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.bot.fakes.server import Call, FakeServer, Reply, Window
from tests.bot.fakes.videos import Played, play

TOKEN = "mastodon-very-secret-token"
BAND = "500"
NAME = "riffbird"
MIME_TYPES = ["image/png", "video/mp4", "audio/mpeg", "audio/mp3", "audio/ogg"]


@dataclass
class Account:
    id: str
    acct: str
    bot: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "username": self.acct.split("@")[0], "acct": self.acct, "bot": self.bot, "note": ""}


@dataclass
class Status:
    id: str
    account: Account
    text: str
    at: float
    visibility: str = "public"
    spoiler: str = ""
    replies_to: str | None = None
    media: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        paragraphs = "".join(f"<p>{html.escape(part)}</p>" for part in self.text.split("\n\n")).replace("\n", "<br />")
        linked = re.sub(
            r"@(\w+)",
            r'<span class="h-card"><a href="http://x/@\1" class="u-url mention">@<span>\1</span></a></span>',
            paragraphs,
        )
        return {
            "id": self.id, "account": self.account.as_json(), "content": linked, "created_at": stamp(self.at),
            "visibility": self.visibility, "spoiler_text": self.spoiler, "in_reply_to_id": self.replies_to,
            "media_attachments": [{"id": media} for media in self.media],
        }  # fmt: skip


@dataclass
class Media:
    id: str
    content: bytes
    mime: str
    description: str
    checks: int = 0


class FakeMastodon(FakeServer):
    """One instance, the band's account on it, and everybody who writes to it."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self.band = Account(BAND, NAME, bot=True)
        self.people = {BAND: self.band}
        self.statuses: dict[str, Status] = {}
        self.notifications: list[tuple[int, Status]] = []
        self.media: dict[str, Media] = {}
        self.kept_keys: dict[str, str] = {}
        self.processing_checks = 2
        self.size_limit = 99 * 1024 * 1024
        self.length_limit = 500
        self.scopes = ["read", "write"]
        self.mime_types = MIME_TYPES
        self.violations: list[str] = []
        self.listeners: list[queue.SimpleQueue[str]] = []
        self.streams_opened = 0
        self._last_id = 10_000
        self._window = Window(300, 300.0)
        self._routes()

    def _routes(self) -> None:
        window = self._window
        self.route("GET", r"/api/v1/accounts/verify_credentials", self.me, window)
        self.route("GET", r"/api/v1/apps/verify_credentials", self.application, window)
        self.route("GET", r"/api/v[12]/instance", self.instance, window)
        self.route("GET", r"/api/v1/notifications", self.read, window)
        self.route("POST", r"/api/v2/media", self.upload, Window(30, 1800.0))
        self.route("GET", r"/api/v1/media/(\d+)", self.check, window)
        self.route("POST", r"/api/v1/statuses", self.post, window)
        self.route("GET", r"/api/v1/statuses/(\w+)/context", self.context, window)
        self.route("DELETE", r"/api/v1/statuses/(\w+)", self.delete, window)

    # ------------------------------------------------------------------ people

    def person(self, acct: str, *, bot: bool = False) -> Account:
        account = Account(str(600 + len(self.people)), acct, bot=bot)
        self.people[account.id] = account
        return account

    def write(self, author: Account, text: str, **facts: Any) -> Status:
        with self.lock:
            status = Status(self.new_id(), author, text, self.now(), **facts)
            self.statuses[status.id] = status
            if re.search(rf"@{NAME}\b", text):
                self.notify(status)
            return status

    def notify(self, status: Status) -> None:
        """A notification; the same post may be notified twice, as happens after an edit."""
        self.notifications.append((int(self.new_id()), status))
        for listener in self.listeners:
            listener.put('event: notification\ndata: {"id": "1", "type": "mention"}\n\n')

    def replies_to(self, status: Status) -> list[Status]:
        return [s for s in self.statuses.values() if s.account.id == BAND and s.replies_to == status.id]

    def played(self, media_id: str) -> Played:
        return play(self.media[media_id].content)

    def new_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)

    # ------------------------------------------------------------------ the API

    def authorize(self, call: Call) -> Reply | None:
        if call.headers.get("authorization") == f"Bearer {TOKEN}":
            return None
        return Reply(401, {"error": "The access token is invalid"})

    def error(self, status: int) -> Reply:
        return Reply(status, {"error": f"injected {status}"})

    def _rate_headers(self, window: Window | None) -> dict[str, str]:
        if window is None:
            return {}
        reset = datetime.fromtimestamp(window.reset, UTC).isoformat().replace("+00:00", "Z")
        left = str(max(0, window.limit - window.used))
        return {"X-RateLimit-Limit": str(window.limit), "X-RateLimit-Remaining": left, "X-RateLimit-Reset": reset}

    def me(self, _: Call) -> Reply:
        return Reply(200, self.band.as_json())

    def application(self, _: Call) -> Reply:
        return Reply(200, {"id": "1", "name": "riffbird", "scopes": self.scopes})

    def instance(self, _: Call) -> Reply:
        configuration = {
            "urls": {"streaming": self.url.replace("http", "ws")},
            "statuses": {"max_characters": self.length_limit, "max_media_attachments": 4},
            "media_attachments": {"supported_mime_types": self.mime_types, "video_size_limit": self.size_limit},
        }
        return Reply(200, {"domain": "fake.example", "version": "4.5.0", "configuration": configuration})

    def read(self, call: Call) -> Reply:
        found = sorted(self.notifications, key=lambda entry: entry[0])
        if "min_id" in call.query:  # the ones right after, not the newest
            found = [entry for entry in found if entry[0] > int(call.query["min_id"])][: int(call.query["limit"])]
        elif "max_id" in call.query:
            found = [entry for entry in found if entry[0] < int(call.query["max_id"])]
        page = found[-int(call.query["limit"]) :][::-1]
        return Reply(200, [self._notification(number, status) for number, status in page])

    def _notification(self, number: int, status: Status) -> dict[str, Any]:
        return {
            "id": str(number), "type": "mention", "created_at": stamp(status.at), "account": status.account.as_json(),
            "status": status.as_json(),
        }  # fmt: skip

    def upload(self, call: Call) -> Reply:
        parts = call.parts()
        content = parts["file"][1]
        if len(content) > self.size_limit:
            return Reply(422, {"error": "Validation failed: File must be smaller"})
        mime = "video/mp4" if content[4:8] == b"ftyp" else "audio/mpeg"
        if mime not in self.mime_types:
            return Reply(422, {"error": "Validation failed: File content type is invalid"})
        media = Media(self.new_id(), content, mime, parts["description"][1].decode())
        self.media[media.id] = media
        return Reply(202, self._media(media))

    def check(self, _: Call, media_id: str) -> Reply:
        media = self.media[media_id]
        media.checks += 1
        return Reply(200 if media.checks >= self.processing_checks else 206, self._media(media))

    def _media(self, media: Media) -> dict[str, Any]:
        done = media.checks >= self.processing_checks
        kind = media.mime.split("/")[0]
        return {
            "id": media.id,
            "type": kind,
            "url": f"{self.url}/{media.id}" if done else None,
            "description": media.description,
        }

    def post(self, call: Call) -> Reply:
        key = call.headers.get("idempotency-key", "")
        if not key:
            self.violations.append("a post without an idempotency key")
        if key in self.kept_keys:
            return Reply(200, self.statuses[self.kept_keys[key]].as_json())
        form = {name: values[-1] for name, values in call.form().items()}
        problem = self._problem(form)
        if problem:
            self.violations.append(problem)
            return Reply(422, {"error": problem})
        media = [form["media_ids[]"]] if "media_ids[]" in form else []
        status = Status(
            self.new_id(), self.band, form["status"], self.now(), form.get("visibility", "public"),
            form.get("spoiler_text", ""), form.get("in_reply_to_id"), media,
        )  # fmt: skip
        self.statuses[status.id] = status
        self.kept_keys[key] = status.id
        return Reply(200, status.as_json())

    def _problem(self, form: dict[str, str]) -> str:
        if len(form["status"]) > self.length_limit:
            return "Validation failed: Text character limit exceeded"
        media = self.media.get(form.get("media_ids[]", ""))
        if media is not None and media.checks < self.processing_checks:
            return "Cannot attach files that have not finished processing"
        return ""

    def delete(self, _: Call, status_id: str) -> Reply:
        return Reply(200, self.statuses.pop(status_id).as_json())

    def context(self, _: Call, status_id: str) -> Reply:
        below = [status.as_json() for status in self.statuses.values() if status.replies_to == status_id]
        return Reply(200, {"ancestors": [], "descendants": below})

    def stream(self, call: Call, connection: BaseHTTPRequestHandler) -> bool:
        if call.path != "/api/v1/streaming/user":
            return False
        listener: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.listeners.append(listener)
        self.streams_opened += 1
        connection.send_response(200)
        connection.send_header("content-type", "text/event-stream")
        connection.end_headers()
        connection.close_connection = True
        while not self.closing.is_set():
            try:
                event = listener.get(timeout=0.1)
            except queue.Empty:
                event = ":thump\n"
            connection.wfile.write(event.encode())
            connection.wfile.flush()
        return True


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
