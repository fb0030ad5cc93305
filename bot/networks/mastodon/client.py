"""Mastodon and compatible servers through Mastodon.py: mentions from the notifications, answered with native media.

Replies keep the visibility and the content warning of the question and carry an idempotency key. Lengths and sizes are
read from the instance. The stream only wakes the bot.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mastodon import Mastodon, StreamListener
from mastodon.errors import (
    MastodonAPIError,
    MastodonError,
    MastodonNetworkError,
    MastodonNotFoundError,
    MastodonRatelimitError,
    MastodonServerError,
    MastodonUnauthorizedError,
)

from bot.networks.mastodon.reading import as_mention, read_media_rules
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

NAMES = ("mastodon_url", "mastodon_access_token")
PAGE = 40
MAX_PAGES = 50
PROCESSING_PAUSE_SECONDS = 2.0
MAX_PROCESSING_SECONDS = 600.0
NAME_LENGTH = 100  # a reply begins with the asker's @name@host, or Mastodon does not deliver it
REFUSED_STATUS = (413, 415, 422)

logger = logging.getLogger(__name__)


class MastodonNetwork:
    """The bot's account on one instance."""

    name = "mastodon"
    limits = NetworkLimits(text_length=400, message_length=400, alt_text_length=1500, mentions_pause_seconds=15.0)
    media = MediaRules(formats=("mp4", "mp3"), most_bytes=40 * 1024 * 1024, longest_seconds=600.0)

    def __init__(self, settings: BotSettings, clock: Clock) -> None:
        if missing := settings.missing(*NAMES):
            raise CredentialsError(f"Mastodon needs {', '.join(missing)}, see docs/bots.md")
        self.settings = settings
        self.clock = clock
        self.client = Mastodon(
            access_token=plain(settings.mastodon_access_token),
            api_base_url=settings.mastodon_url,
            ratelimit_method="throw",
            request_timeout=settings.bot_request_timeout_seconds,
            user_agent="riffbird",
        )
        self.user_id = self.account_name = ""
        self.is_labelled = False
        self._stream: Any = None
        self._deleted: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __repr__(self) -> str:
        return f"<MastodonNetwork @{self.account_name} at {self.settings.mastodon_url}>"

    def open(self) -> str:
        """As ``Network.open``."""
        with self._errors():
            me = self.client.account_verify_credentials()
            instance = self.client.instance_v2()
        self.user_id, self.account_name = str(me["id"]), str(me["acct"])
        self.is_labelled = bool(me.get("bot"))
        length = int(instance["configuration"]["statuses"]["max_characters"]) - NAME_LENGTH
        self.limits = replace(self.limits, text_length=length, message_length=length)
        self.media = read_media_rules(instance, self.media)
        return self.account_name

    def scopes(self) -> set[str]:
        """What the token may do, where the instance tells."""
        with self._errors():
            application = self.client.app_verify_credentials()
        return set(application.get("scopes") or ())

    # ------------------------------------------------------------------ reading

    def mentions(self, cursor: str | None, since: float = 0.0) -> Batch:
        """As ``Network.mentions``. The cursor is a notification's id; direct messages come this way too."""
        notifications = self._after(cursor) if cursor else self._since(since)
        mentions, unreadable = read_each(notifications, self.read_item)
        ids = [str(notification["id"]) for notification in notifications if _has_id(notification)]
        return Batch(mentions, ids[-1] if ids else cursor, unreadable, self._newly_deleted())

    def read_item(self, source: dict[str, Any]) -> Mention | None:
        """As ``Network.read_item``."""
        if not source.get("status"):  # a notification of another kind, or of a deleted post
            return None
        mention = as_mention(source)
        return mention if mention.author_id != self.user_id else None

    def _after(self, cursor: str) -> list[Any]:
        """All notifications after ``cursor``, the oldest first. A page is answered youngest first."""
        found: list[Any] = []
        for _ in range(MAX_PAGES):
            page = self._page(min_id=cursor)
            found += page[::-1]
            ids = [str(notification["id"]) for notification in page if _has_id(notification)]
            if not ids or ids[0] == cursor:
                break
            cursor = ids[0]
        return found

    def _since(self, since: float) -> list[Any]:
        """Notifications since a time (unix seconds), the oldest first."""
        found: list[Any] = []
        oldest = None
        for _ in range(MAX_PAGES):
            page = self._page(max_id=oldest)
            young = [notification for notification in page if not _is_older(notification, since)]
            found += young
            ids = [str(notification["id"]) for notification in page if _has_id(notification)]
            if len(page) < PAGE or len(young) < len(page) or not ids:
                break
            oldest = ids[-1]
        return found[::-1]

    def _page(self, **window: str | None) -> list[Any]:
        with self._errors():
            page = self.client.notifications(types=["mention"], limit=PAGE, **window)
            return [notification for notification in page if isinstance(notification, dict)]

    def _newly_deleted(self) -> tuple[str, ...]:
        found = []
        while not self._deleted.empty():
            found.append(self._deleted.get())
        return tuple(found)

    def messages(self, cursor: str | None, since: float = 0.0) -> Batch:  # noqa: ARG002
        """None: a direct message is a mention with the visibility ``direct``."""
        return Batch((), cursor)

    # ------------------------------------------------------------------ answering

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        """As ``Network.reply``."""
        media = [self._upload(answer.attachment)] if answer.attachment else None
        before_posting()
        with self._errors(visible=True):
            posted = self.client.status_post(
                f"@{mention.author_name} {answer.text}",
                in_reply_to_id=mention.id,
                media_ids=media,
                visibility=mention.visibility or None,
                spoiler_text=mention.subject or None,
                idempotency_key=answer.key,
            )
        return str(posted["id"])

    def _upload(self, attachment: Attachment) -> str:
        """The id of the uploaded and processed file."""
        with self._errors(upload=True), attachment.path.open("rb") as file:
            media = self.client.media_post(
                file,
                mime_type=attachment.mime_type,
                description=attachment.alt_text,
                file_name=f"song{attachment.path.suffix}",
            )
        return self._processed(media)

    def _processed(self, media: Any) -> str:
        """Wait until the instance has processed the file: until then it has no ``url``."""
        waited = 0.0
        while not media.get("url"):
            if waited >= MAX_PROCESSING_SECONDS:
                raise TryLaterError(f"the instance has not processed the song in {MAX_PROCESSING_SECONDS:.0f} s")
            waited += PROCESSING_PAUSE_SECONDS
            self.clock.sleep(PROCESSING_PAUSE_SECONDS)
            with self._errors(upload=True):
                media = self.client.media(media["id"])
        return str(media["id"])

    def tell(self, mention: Mention, text: str) -> None:
        """Does nothing: an interaction gets one reply here, the song."""

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:  # noqa: ARG002  the thread is enough here
        """As ``Network.find_reply``: through the posts under the mention."""
        with self._errors():
            thread = self.client.status_context(mention.id)
        for status in thread["descendants"]:
            if str(status["account"]["id"]) == self.user_id and str(status["in_reply_to_id"]) == mention.id:
                return str(status["id"])
        return None

    def delete_reply(self, mention: Mention, reply_id: str) -> None:  # noqa: ARG002  the id is enough here
        """As ``Network.delete_reply``."""
        with self._errors():
            self.client.status_delete(reply_id)

    # ------------------------------------------------------------------ the stream

    def listen(self, wake: Callable[[], None]) -> None:
        """As ``Network.listen``."""
        with self._errors():
            listener = _WakeListener(wake, self._deleted)
            self._stream = self.client.stream_user(listener, run_async=True, reconnect_async=True)

    def is_over(self) -> bool:
        """As ``Network.is_over``."""
        return False

    def close(self) -> None:
        """As ``Network.close``."""
        if self._stream is not None:
            self._stream.close()
        self.client.session.close()

    @contextmanager
    def _errors(self, *, visible: bool = False, upload: bool = False) -> Iterator[None]:
        """Translate Mastodon.py's errors.

        ``visible``: a lost answer may hide a post that was made. ``upload``: a refusal concerns the file.
        """
        lost = InDoubtError if visible else TryLaterError
        try:
            yield
        except MastodonRatelimitError:
            reset = self.client.ratelimit_reset or (time.time() + 60)
            text = "the instance's rate limit is reached"
            raise TryLaterError(text, retry_after_seconds=max(1.0, reset - time.time() + 1)) from None
        except MastodonUnauthorizedError:
            raise CredentialsError("the instance does not accept RIFFBIRD_MASTODON_ACCESS_TOKEN") from None
        except (MastodonServerError, MastodonNetworkError) as error:
            raise lost(f"the instance's answer is lost: {type(error).__name__}") from None
        except MastodonNotFoundError:
            if upload:
                raise TryLaterError("the instance does not know the uploaded file any more") from None
            raise ForbiddenError("the instance does not know the post") from None
        except MastodonAPIError as error:
            line = f"the instance refuses: {' '.join(map(str, error.args[1:]))[:200]}"
            if upload and any(status in error.args for status in REFUSED_STATUS):
                raise UploadRefusedError(line) from None
            raise (TryLaterError(line) if upload else ForbiddenError(line)) from None
        except MastodonError as error:
            raise lost(f"Mastodon.py gives up: {type(error).__name__}") from None


def _has_id(notification: Any) -> bool:
    return isinstance(notification.get("id"), str | int) and str(notification["id"]) != ""


def _is_older(notification: Any, since: float) -> bool:
    """Whether it was created before ``since``; one without a readable time is not."""
    created = notification.get("created_at")
    return hasattr(created, "timestamp") and created.timestamp() < since


class _WakeListener(StreamListener):
    """Wakes the bot at each notification; the notification itself is read through ``mentions``."""

    def __init__(self, wake: Callable[[], None], deleted: queue.SimpleQueue[str]) -> None:
        super().__init__()
        self._wake = wake
        self._deleted = deleted

    def on_notification(self, notification: Any) -> None:  # noqa: ARG002  only that it came
        """Called by Mastodon.py in its own thread."""
        self._wake()

    def on_delete(self, status_id: Any) -> None:
        """A post that the account could see was deleted."""
        self._deleted.put(str(status_id))
        self._wake()

    def on_unknown_event(self, name: str, unknown_event: Any = None) -> None:
        """Ignores events of later versions."""

    def on_abort(self, err: Exception) -> None:
        """The library connects again by itself."""
        logger.info("the instance's stream ended: %s", type(err).__name__)
