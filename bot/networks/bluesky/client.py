"""Bluesky through atproto: mentions and replies from the notifications, answered with a video.

Calls go through the client's generic methods and return plain JSON: its typed models may refuse a whole page because of
one malformed record. A reply has a record key derived from the mention, so posting it twice is one post.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from atproto import Client, Request
from atproto.exceptions import AtProtocolError, LoginRequiredError, RequestErrorBase, UnauthorizedError
from atproto_client.models.dot_dict import DotDict

from bot.networks.bluesky.reading import REASONS, as_mention, iso, record_key, reply_reference, unix
from bot.networks.json_values import mapping, objects
from bot.networks.protocol import (
    Answer,
    Attachment,
    Batch,
    CredentialsError,
    ForbiddenError,
    InDoubtError,
    MediaRules,
    Mention,
    NetworkLimits,
    TryLaterError,
    UploadRefusedError,
    read_each,
)
from bot.networks.retry import Clock
from bot.settings import BotSettings, plain

NAMES = ("bluesky_handle", "bluesky_app_password")
POST = "app.bsky.feed.post"
PAGE = 100
MAX_PAGES = 20
BAD_SESSION = {"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "AccountTakedown"}
JSON = "application/json"


class BlueskyNetwork:
    """The bot's account on one personal data server."""

    name = "bluesky"
    limits = NetworkLimits(text_length=300, message_length=300, alt_text_length=1000, mentions_pause_seconds=5.0)
    media = MediaRules(formats=("mp4",), most_bytes=50_000_000, longest_seconds=180.0)

    def __init__(self, settings: BotSettings, clock: Clock) -> None:
        if missing := settings.missing(*NAMES):
            raise CredentialsError(f"Bluesky needs {', '.join(missing)}, see docs/bots.md")
        self.settings = settings
        self.clock = clock
        request = Request(timeout=settings.bot_request_timeout_seconds)
        self.client = Client(settings.bluesky_service, request=request)
        self.account_name = self.did = ""

    def __repr__(self) -> str:
        return f"<BlueskyNetwork @{self.account_name}>"

    def open(self) -> str:
        """As ``Network.open``."""
        with self._errors():
            self.client.login(
                self.settings.bluesky_handle, plain(self.settings.bluesky_app_password), fetch_bsky_profile=False
            )
        session = self.client._session  # noqa: SLF001  the account; without it only a profile lookup tells
        self.did, self.account_name = str(session.did), str(session.handle)
        return self.account_name

    # ------------------------------------------------------------------ reading

    def mentions(self, cursor: str | None, since: float = 0.0) -> Batch:
        """As ``Network.mentions``. The cursor is the time at which the newest notification was indexed."""
        oldest = unix(cursor) if cursor else since
        found: list[dict[str, Any]] = []
        page_cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = self._query("app.bsky.notification.listNotifications", limit=PAGE, cursor=page_cursor)
            notifications = objects(page.get("notifications"))
            young = [one for one in notifications if _indexed_at(one, oldest) >= oldest]
            found += young
            page_cursor = page["cursor"] if isinstance(page.get("cursor"), str) else None
            if page_cursor is None or len(young) < len(notifications) or not notifications:
                break
        mentions, unreadable = read_each(found[::-1], self.read_item)
        newest = max((_indexed_at(one, oldest) for one in found), default=oldest)
        return Batch(mentions, iso(min(newest, self.clock.now() + 60.0)), unreadable)

    def read_item(self, source: dict[str, Any]) -> Mention | None:
        """As ``Network.read_item``."""
        if source.get("reason") not in REASONS:
            return None
        mention = as_mention(source)
        return mention if mention.author_id != self.did else None

    def messages(self, cursor: str | None, since: float = 0.0) -> Batch:  # noqa: ARG002
        """None: direct messages are not read."""
        return Batch((), cursor)

    # ------------------------------------------------------------------ answering

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        """As ``Network.reply``."""
        record: dict[str, Any] = {
            "$type": POST, "text": answer.text, "createdAt": iso(self.clock.now()), "reply": reply_reference(mention),
        }  # fmt: skip
        if answer.attachment is not None:
            blob = self._upload(answer.attachment)
            record["embed"] = {"$type": "app.bsky.embed.video", "video": blob, "alt": answer.attachment.alt_text}
        before_posting()
        key = record_key(mention)
        posted = self._write(
            "com.atproto.repo.putRecord", {"repo": self.did, "collection": POST, "rkey": key, "record": record},
            visible=True,
        )  # fmt: skip
        return str(posted.get("uri") or self._uri(key))

    def _upload(self, attachment: Attachment) -> Any:
        """The blob of the uploaded file, as a record refers to it."""
        with self._errors(upload=True):
            answer = self.client.invoke_procedure(
                "com.atproto.repo.uploadBlob", content=attachment.path.read_bytes(),
                input_encoding=attachment.mime_type, output_encoding=JSON,
            )  # fmt: skip
        blob = mapping(answer.content).get("blob")
        if blob is None:
            raise TryLaterError("the server's answer to an upload has no blob")
        return blob

    def tell(self, mention: Mention, text: str) -> None:
        """Does nothing: an interaction gets one reply here, the song."""

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:  # noqa: ARG002  the key is enough here
        """As ``Network.find_reply``: by the reply's record key."""
        key = record_key(mention)
        try:
            found = self._query("com.atproto.repo.getRecord", repo=self.did, collection=POST, rkey=key)
        except ForbiddenError:  # there is no such record
            return None
        return str(found.get("uri") or self._uri(key))

    def delete_reply(self, mention: Mention, reply_id: str) -> None:  # noqa: ARG002  the key is enough here
        """As ``Network.delete_reply``."""
        self._write(
            "com.atproto.repo.deleteRecord", {"repo": self.did, "collection": POST, "rkey": record_key(mention)}
        )

    def _uri(self, key: str) -> str:
        return f"at://{self.did}/{POST}/{key}"

    def listen(self, wake: Callable[[], None]) -> None:
        """Does nothing: reading the notifications costs nothing."""

    def is_over(self) -> bool:
        """As ``Network.is_over``."""
        return False

    def close(self) -> None:
        """As ``Network.close``."""
        self.client.request.close()

    # ------------------------------------------------------------------ calling

    def _query(self, method: str, **parameters: Any) -> dict[str, Any]:
        given = {name: value for name, value in parameters.items() if value is not None}
        with self._errors():
            return mapping(self.client.invoke_query(method, params=DotDict(given), output_encoding=JSON).content)

    def _write(self, method: str, data: dict[str, Any], *, visible: bool = False) -> dict[str, Any]:
        with self._errors(visible=visible):
            answer = self.client.invoke_procedure(method, data=DotDict(data), input_encoding=JSON, output_encoding=JSON)
            return mapping(answer.content)

    @contextmanager
    def _errors(self, *, visible: bool = False, upload: bool = False) -> Iterator[None]:
        """Translate atproto's errors.

        ``visible``: a lost answer may hide a post that was made. ``upload``: a refusal concerns the file.
        """
        lost = InDoubtError if visible else TryLaterError
        try:
            yield
        except (UnauthorizedError, LoginRequiredError) as error:
            raise CredentialsError(f"Bluesky does not accept RIFFBIRD_BLUESKY_APP_PASSWORD ({_code(error)})") from None
        except (httpx.HTTPError, ValueError) as error:  # ValueError: no JSON
            raise lost(f"the server's answer is lost: {type(error).__name__}") from None
        except RequestErrorBase as error:
            raise self._refusal(error, visible=visible, upload=upload) from None
        except AtProtocolError as error:
            raise lost(f"atproto gives up: {type(error).__name__}") from None

    def _refusal(self, error: RequestErrorBase, *, visible: bool, upload: bool) -> Exception:
        if error.response is None:
            lost = f"the server's answer is lost: {type(error).__name__}"
            return InDoubtError(lost) if visible else TryLaterError(lost)
        status = error.response.status_code
        line = f"the server answers {status}: {_code(error)}"
        if status == 429:
            return TryLaterError(line, retry_after_seconds=self._reset_seconds(error))
        if _code(error) in BAD_SESSION:
            return CredentialsError(f"Bluesky does not accept RIFFBIRD_BLUESKY_APP_PASSWORD ({_code(error)})")
        if status >= 500 or status == 409:
            return InDoubtError(line) if visible else TryLaterError(line)
        return UploadRefusedError(line) if upload else ForbiddenError(line)

    def _reset_seconds(self, error: RequestErrorBase) -> float:
        reset = str((error.response.headers if error.response else {}).get("ratelimit-reset", ""))
        return max(1.0, float(reset) - self.clock.now() + 1.0) if reset.isdigit() else 60.0


def _code(error: Exception) -> str:
    """The server's name of an error, without anything it quotes."""
    content = getattr(getattr(error, "response", None), "content", None)
    name = content.get("error") if isinstance(content, dict) else getattr(content, "error", None)
    return str(name or type(error).__name__)[:80]


def _indexed_at(notification: dict[str, Any], default: float) -> float:
    """When a notification was indexed, in unix seconds; ``default`` where that cannot be read."""
    try:
        return unix(notification.get("indexedAt"))
    except (TypeError, ValueError, OverflowError):
        return default
