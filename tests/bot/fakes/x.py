"""A fake X: version 2 of the API on loopback, as documented, for the unmodified tweepy client.

Signatures, rate limits, paging, chunked upload with order and size checks, processing states, the rule that a program
replies only to who mentioned it, and the refusal of duplicate words. Test code writes posts and messages as people do.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.networks.x.reading import SNOWFLAKE_EPOCH_MS
from tests.bot.fakes.oauth1 import Keys, Verifier
from tests.bot.fakes.server import Call, FakeServer, Reply, Window
from tests.bot.fakes.videos import Played, play

BAND = "7001"
NAME = "riffbird"
MOST_SEGMENT_BYTES = 5 * 1024 * 1024
QUARTER = 900.0


@dataclass
class Post:
    id: str
    author: str
    text: str
    at: float
    replies_to: str = ""
    kind: str = "replied_to"
    history: list[str] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    made_with_ai: bool = False

    def as_json(self) -> dict[str, Any]:
        links = [{"type": self.kind, "id": self.replies_to}] if self.replies_to else []
        facts = {
            "id": self.id, "author_id": self.author, "text": self.text.replace("&", "&amp;").replace("<", "&lt;"),
            "created_at": stamp(self.at), "edit_history_tweet_ids": self.history or [self.id],
        }  # fmt: skip
        return facts | ({"referenced_tweets": links} if links else {})


@dataclass
class Message:
    id: str
    sender: str
    conversation: str
    text: str
    at: float
    media: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "event_type": "MessageCreate", "sender_id": self.sender, "text": self.text,
            "dm_conversation_id": self.conversation, "created_at": stamp(self.at),
        }  # fmt: skip


@dataclass
class Upload:
    id: str
    total: int
    category: str
    segments: dict[int, bytes] = field(default_factory=dict)
    state: str = "open"
    checks: int = 0
    alt_text: str = ""

    @property
    def content(self) -> bytes:
        return b"".join(self.segments[index] for index in sorted(self.segments))


class FakeX(FakeServer):
    """One account, everybody who writes to it, and everything it posts."""

    def __init__(self, now: Any) -> None:
        super().__init__(now)
        self.keys = Keys()
        self.verifier = Verifier(self.keys, "https://api.twitter.com")
        self.access_level = "read-write-directmessages"
        self.bearers: set[str] = set()
        self.refresh_tokens = {"first-refresh-token"}
        self.scope = "tweet.read tweet.write users.read dm.read dm.write media.write offline.access"
        self.users: dict[str, dict[str, Any]] = {BAND: {"id": BAND, "username": NAME, "name": "Riffbird"}}
        self.posts: list[Post] = []
        self.messages: list[Message] = []
        self.uploads: dict[str, Upload] = {}
        self.processing_checks = 1
        self.violations: list[str] = []
        self.duplicates = 0
        self._last_id = 0
        self._routes()

    def _routes(self) -> None:
        fifteen = {"mentions": 300, "tweets": 900, "post": 100, "dm": 15, "send": 15, "me": 75}
        window = {name: Window(limit, QUARTER) for name, limit in fifteen.items()}
        self.route("POST", r"/2/oauth2/token", self.renew)
        self.route("GET", r"/2/users/me", self.me, window["me"])
        self.route("GET", r"/2/users/(\d+)/mentions", self.mentions, window["mentions"])
        self.route("GET", r"/2/users/(\d+)/tweets", self.own_posts, window["tweets"])
        self.route("POST", r"/2/tweets", self.create, window["post"])
        self.route("GET", r"/2/dm_events", self.events, window["dm"])
        self.route("GET", r"/2/dm_conversations/([\d-]+)/dm_events", self.events, Window(15, QUARTER))
        self.route("POST", r"/2/dm_conversations/([\d-]+)/messages", self.send_message, window["send"])
        self.route("POST", r"/2/media/upload/initialize", self.initialize, Window(1875, QUARTER))
        self.route("POST", r"/2/media/upload/(\d+)/append", self.append, Window(1875, QUARTER))
        self.route("POST", r"/2/media/upload/(\d+)/finalize", self.finalize, Window(1875, QUARTER))
        self.route("GET", r"/2/media/upload", self.status, Window(1000, QUARTER))
        self.route("POST", r"/2/media/metadata", self.metadata, Window(500, QUARTER))

    # ------------------------------------------------------------------ people

    def person(self, name: str, description: str = "") -> str:
        identifier = str(9000 + len(self.users))
        self.users[identifier] = {"id": identifier, "username": name, "name": name.title(), "description": description}
        return identifier

    def write(self, author: str, text: str, replies_to: str = "", kind: str = "replied_to") -> Post:
        with self.lock:
            post = Post(self.new_id(), author, text, self.now(), replies_to, kind)
            self.posts.append(post)
            return post

    def edit(self, post: Post, text: str) -> Post:
        """X gives an edit a new id and keeps the whole history in each version; the old one is no longer listed."""
        with self.lock:
            newer = Post(self.new_id(), post.author, text, self.now(), post.replies_to, post.kind)
            newer.history = [*(post.history or [post.id]), newer.id]
            self.posts.append(newer)
            return newer

    def message(self, sender: str, text: str) -> Message:
        with self.lock:
            message = Message(self.new_id(), sender, f"{BAND}-{sender}", text, self.now())
            self.messages.append(message)
            return message

    def replies_to(self, *ids: str) -> list[Post]:
        return [post for post in self.posts if post.author == BAND and post.replies_to in ids]

    def answers_in(self, conversation: str) -> list[Message]:
        return [event for event in self.messages if event.sender == BAND and event.conversation == conversation]

    def played(self, media_id: str) -> Played:
        return play(self.uploads[media_id].content)

    def new_id(self) -> str:
        milliseconds = int(self.now() * 1000) - SNOWFLAKE_EPOCH_MS
        self._last_id = max(self._last_id + 1, milliseconds << 22)
        return str(self._last_id)

    # ------------------------------------------------------------------ access

    def authorize(self, call: Call) -> Reply | None:
        if call.path == "/2/oauth2/token":
            return None
        header = call.headers.get("authorization", "")
        if header.startswith("Bearer "):
            problem = None if header.removeprefix("Bearer ") in self.bearers else "bearer token unknown or expired"
        else:
            problem = self.verifier.problem(call)
        if problem:
            return Reply(401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": problem})
        if call.method == "POST" and "write" not in self.access_level:
            return self.refuse(403, "Your client app is not configured with the appropriate oauth1 app permissions.")
        return None

    def refuse(self, status: int, detail: str, code: int | None = None) -> Reply:
        body: dict[str, Any] = {
            "title": "Forbidden" if status == 403 else "Invalid Request",
            "detail": detail,
            "status": status,
        }
        if code is not None:
            body["errors"] = [{"code": code, "message": detail}]
        return Reply(status, body)

    def renew(self, call: Call) -> Reply:
        token = call.form().get("refresh_token", [""])[0]
        if token not in self.refresh_tokens:
            return Reply(
                400, {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}
            )
        self.refresh_tokens.remove(token)  # each refresh token works once
        fresh, bearer = secrets.token_hex(8), secrets.token_hex(8)
        self.refresh_tokens.add(fresh)
        self.bearers = {bearer}
        answer = {
            "token_type": "bearer",
            "expires_in": 7200,
            "access_token": bearer,
            "scope": self.scope,
            "refresh_token": fresh,
        }
        return Reply(200, answer)

    def me(self, _: Call) -> Reply:
        return Reply(200, {"data": self.users[BAND]}, {"x-access-level": self.access_level})

    # ------------------------------------------------------------------ reading

    def mentions(self, call: Call, user: str) -> Reply:
        name = re.compile(rf"(?<!\w)@{self.users[user]['username']}(?!\w)", re.IGNORECASE)
        outdated = {old for post in self.posts for old in post.history[:-1]}
        found = [post for post in self.posts if name.search(post.text) and post.id not in outdated]
        return self._timeline(call, found)

    def own_posts(self, call: Call, user: str) -> Reply:
        return self._timeline(call, [post for post in self.posts if post.author == user])

    def _timeline(self, call: Call, found: list[Post]) -> Reply:
        if "since_id" in call.query:
            found = [post for post in found if int(post.id) > int(call.query["since_id"])]
        if "until_id" in call.query:
            found = [post for post in found if int(post.id) < int(call.query["until_id"])]
        if "start_time" in call.query:
            begin = datetime.fromisoformat(call.query["start_time"]).timestamp()
            found = [post for post in found if post.at >= begin]
        page, meta = self._page(call, sorted(found, key=lambda post: -int(post.id))[:800], least=5)
        body: dict[str, Any] = {"meta": meta}
        if page:
            body["data"] = [post.as_json() for post in page]
            if call.query.get("expansions") == "author_id":
                body["includes"] = {"users": [self.users[who] for who in dict.fromkeys(post.author for post in page)]}
        return Reply(200, body)

    def _page(self, call: Call, found: list[Any], least: int) -> tuple[list[Any], dict[str, Any]]:
        size = int(call.query.get("max_results", 10))
        if not least <= size <= 100:
            self.violations.append(f"max_results {size}")
        begin = int(call.query.get("pagination_token", "t0")[1:])
        page = found[begin : begin + size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if begin + size < len(found):
            meta["next_token"] = f"t{begin + size}"
        return page, meta

    def events(self, call: Call, conversation: str = "") -> Reply:
        if "directmessages" not in self.access_level:
            return self.refuse(403, "Your client app is not permitted to read direct messages.")
        found = [event for event in self.messages if conversation in ("", event.conversation)]
        page, meta = self._page(call, sorted(found, key=lambda event: -int(event.id)), least=1)
        return Reply(200, {"meta": meta} | ({"data": [event.as_json() for event in page]} if page else {}))

    # ------------------------------------------------------------------ posting

    def create(self, call: Call) -> Reply:
        body = call.json()
        text, media = body.get("text", ""), body.get("media", {}).get("media_ids", [])
        asked = next(
            (post for post in self.posts if post.id == body.get("reply", {}).get("in_reply_to_tweet_id")), None
        )
        problem = self._post_problem(text, media, asked)
        if problem is not None:
            return problem
        assert asked is not None
        post = Post(
            self.new_id(), BAND, text, self.now(), asked.id, media=media, made_with_ai=body.get("made_with_ai", False)
        )
        self.posts.append(post)
        return Reply(201, {"data": {"id": post.id, "text": text, "edit_history_tweet_ids": [post.id]}})

    def _post_problem(self, text: str, media: list[str], asked: Post | None) -> Reply | None:
        if asked is None or f"@{NAME}" not in asked.text.lower():
            self.violations.append("a post nobody asked for")
            return self.refuse(403, "You may only reply to posts whose author mentioned you.")
        if re.search(r"https?://|\bwww\.", text):
            self.violations.append(f"a link: {text}")
        if weighted_length(text) > 280:
            self.violations.append(f"too long: {text}")
            return self.refuse(400, "Your Tweet text is too long.", 186)
        if media and self.uploads[media[0]].state != "succeeded":
            self.violations.append("posted before the video was processed")
            return self.refuse(400, "Your media IDs are invalid or not processed.", 324)
        if any(post.author == BAND and post.text == text and post.at > self.now() - 3600 for post in self.posts):
            self.duplicates += 1
            return self.refuse(403, "You are not allowed to create a Tweet with duplicate content.", 187)
        return None

    def send_message(self, call: Call, conversation: str) -> Reply:
        body = call.json()
        media = body.get("attachments", [{}])[0].get("media_id", "")
        if media and self.uploads[media].state != "succeeded":
            self.violations.append("sent before the video was processed")
            return self.refuse(400, "Your media IDs are invalid or not processed.", 324)
        if media and self.uploads[media].category != "dm_video":
            self.violations.append("a message with a video meant for posts")
        message = Message(self.new_id(), BAND, conversation, body.get("text", ""), self.now(), media)
        self.messages.append(message)
        return Reply(201, {"data": {"dm_conversation_id": conversation, "dm_event_id": message.id}})

    # ------------------------------------------------------------------ media

    def initialize(self, call: Call) -> Reply:
        body = call.json()
        if body.get("media_type") != "video/mp4" or body.get("media_category") not in ("tweet_video", "dm_video"):
            return self.refuse(400, f"media_type and media_category do not match: {body}")
        if not 0 < int(body["total_bytes"]) <= 512 * 1024 * 1024:
            return self.refuse(400, "total_bytes out of range")
        upload = Upload(self.new_id(), int(body["total_bytes"]), body["media_category"])
        self.uploads[upload.id] = upload
        return Reply(200, {"data": {"id": upload.id, "media_key": f"13_{upload.id}", "expires_after_secs": 86400}})

    def append(self, call: Call, media_id: str) -> Reply:
        upload, parts = self.uploads.get(media_id), call.parts()
        index, segment = int(parts["segment_index"][1]), parts["media"][1]
        if upload is None or upload.state != "open":
            return self.refuse(400, f"media id {media_id} is not open")
        if len(segment) > MOST_SEGMENT_BYTES or not segment:
            return self.refuse(400, "a segment has 1 byte to 5 MB")
        if index > len(upload.segments):
            self.violations.append(f"segment {index} after {len(upload.segments)}")
            return self.refuse(400, "segments are out of order")
        upload.segments[index] = segment
        return Reply(200, {"data": {"expires_at": 0}})

    def finalize(self, _: Call, media_id: str) -> Reply:
        upload = self.uploads.get(media_id)
        if upload is None or upload.state != "open" or len(upload.content) != upload.total:
            return self.refuse(400, "Segments do not add up to provided total file size.")
        upload.state = "pending"
        return Reply(200, {"data": self._processing(upload) | {"size": upload.total}})

    def status(self, call: Call) -> Reply:
        upload = self.uploads.get(call.query.get("media_id", ""))
        if call.query.get("command") != "STATUS" or upload is None or upload.state == "open":
            return self.refuse(400, "no such finalized media")
        if upload.state in ("pending", "in_progress"):
            upload.checks += 1
            upload.state = "in_progress" if upload.checks < self.processing_checks else self._verdict(upload)
        return Reply(200, {"data": self._processing(upload)})

    def _processing(self, upload: Upload) -> dict[str, Any]:
        info: dict[str, Any] = {"state": upload.state}
        if upload.state in ("pending", "in_progress"):
            info["check_after_secs"] = 1
        if upload.state == "failed":
            info["error"] = {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}
        return {"id": upload.id, "media_key": f"13_{upload.id}", "processing_info": info}

    def _verdict(self, upload: Upload) -> str:
        """X's rules for a video: H.264, yuv420p, AAC, half a second to 140 seconds."""
        try:
            found = play(upload.content)
        except Exception:  # noqa: BLE001  whatever cannot be decoded cannot be played
            return "failed"
        fits = (found.video_codec, found.pixel_format, found.audio_codec) == ("h264", "yuv420p", "aac")
        return "succeeded" if fits and 0.5 <= found.seconds <= 140 else "failed"

    def metadata(self, call: Call) -> Reply:
        body = call.json()
        self.uploads[body["id"]].alt_text = body["metadata"]["alt_text"]["text"]
        return Reply(200, {"data": {"id": body["id"]}})


def weighted_length(text: str) -> int:
    """twitter-text's weights (configuration v3) without its rule for emoji sequences: never less than X counts."""
    light = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
    return sum(1 if any(low <= ord(sign) <= high for low, high in light) else 2 for sign in text)


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
