"""Mastodon through Mastodon.py: mentions by catch-up, woken by the stream, answered with native video or audio.

The visibility and the content warning of the room_event are kept; every post carries an idempotency key; lengths and
sizes are read from the instance. Knows no queue and no wording.
"""

from __future__ import annotations

import logging
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
)
from bot.networks.retry import Clock
from bot.settings import BotSettings, plain

NAMES = ("mastodon_url", "mastodon_access_token")
PAGE = 40
MOST_PAGES = 50
PROCESSING_PAUSE_SECONDS = 2.0
LONGEST_PROCESSING_SECONDS = 600.0
ROOM_FOR_NAME = 100  # the reply begins with the asker's @name@host, as Mastodon needs to deliver it


class MastodonNetwork:
    """The band's account on one instance."""

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

    def __repr__(self) -> str:
        return f"<MastodonNetwork @{self.account_name} at {self.settings.mastodon_url}>"

    def open(self) -> str:
        """As ``Network.open``."""
        with self._errors():
            me = self.client.account_verify_credentials()
            instance = self.client.instance_v2()
        self.user_id, self.account_name = str(me["id"]), str(me["acct"])
        self.is_labelled = bool(me.get("bot"))
        length = int(instance["configuration"]["statuses"]["max_characters"]) - ROOM_FOR_NAME
        self.limits = replace(self.limits, text_length=length, message_length=length)
        self.media = read_media_rules(instance, self.media)
        return self.account_name

    def scopes(self) -> set[str]:
        """What the token may do, where the instance tells."""
        with self._errors():
            application = self.client.app_verify_credentials()
        return set(application.get("scopes") or ())

    # ------------------------------------------------------------------ reading

    def mentions(self, cursor: str | None) -> Batch:
        """As ``Network.mentions``. The cursor is a notification's id; private room_events come this way too."""
        notifications = self._after(cursor) if cursor else self._first()
        found_mentions = tuple(as_mention(notification) for notification in notifications if notification.get("status"))
        youngest = max((int(notification["id"]) for notification in notifications), default=0)
        ours = tuple(mention for mention in found_mentions if mention.author_id != self.user_id)
        return Batch(ours, str(youngest) if youngest else cursor)

    def _after(self, cursor: str) -> list[Any]:
        """Everything after ``cursor``, the oldest first."""
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            page = self._page(min_id=cursor)
            if not page:
                break
            found += sorted(page, key=lambda notification: int(notification["id"]))
            cursor = str(found[-1]["id"])
        return found

    def _first(self) -> list[Any]:
        """The catch-up time's notifications, the oldest first."""
        since = self.clock.now() - self.settings.bot_catch_up_hours * 3600
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            page = self._page(max_id=str(found[-1]["id"]) if found else None)
            found += [notification for notification in page if notification["created_at"].timestamp() >= since]
            if len(page) < PAGE or len(found) % PAGE:
                break
        return found[::-1]

    def _page(self, **window: str | None) -> list[Any]:
        with self._errors():
            page: list[Any] = self.client.notifications(types=["mention"], limit=PAGE, **window)
            return page

    def messages(self, cursor: str | None) -> Batch:
        """None: a direct message here is a mention with the visibility ``direct``."""
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
        """Upload and wait until the instance has processed it: until then it has no ``url``."""
        try:
            with self._errors(), attachment.path.open("rb") as file:
                media = self.client.media_post(
                    file,
                    mime_type=attachment.mime_type,
                    description=attachment.alt_text,
                    file_name=f"song{attachment.path.suffix}",
                )
            return self._processed(media)
        except ForbiddenError as error:  # nobody saw anything: another upload may succeed
            raise TryLaterError(f"the upload failed: {error}") from None

    def _processed(self, media: Any) -> str:
        waited = 0.0
        while not media.get("url"):
            if waited >= LONGEST_PROCESSING_SECONDS:
                raise TryLaterError(f"the instance has not processed the song in {LONGEST_PROCESSING_SECONDS:.0f} s")
            waited += PROCESSING_PAUSE_SECONDS
            self.clock.sleep(PROCESSING_PAUSE_SECONDS)
            with self._errors():
                media = self.client.media(media["id"])
        return str(media["id"])

    def tell(self, mention: Mention, text: str) -> None:
        """Nothing: an interaction gets one reply here, and that is the song."""

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:  # noqa: ARG002  the thread is enough here
        """As ``Network.find_reply``: through the posts under the mention."""
        with self._errors():
            thread = self.client.status_context(mention.id)
        for status in thread["descendants"]:
            if str(status["account"]["id"]) == self.user_id and str(status["in_reply_to_id"]) == mention.id:
                return str(status["id"])
        return None

    # ------------------------------------------------------------------ the stream

    def listen(self, wake: Callable[[], None]) -> None:
        """As ``Network.listen``: each pushed notification ends the present pause."""
        with self._errors():
            self._stream = self.client.stream_user(_WakeListener(wake), run_async=True, reconnect_async=True)

    def is_over(self) -> bool:
        """As ``Network.is_over``."""
        return False

    def close(self) -> None:
        """As ``Network.close``."""
        if self._stream is not None:
            self._stream.close()
        self.client.session.close()

    @contextmanager
    def _errors(self, *, visible: bool = False) -> Iterator[None]:
        """Translate Mastodon.py's errors. ``visible``: a lost answer may hide a post that was made."""
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
            raise ForbiddenError("the instance does not know the post (any more)") from None
        except MastodonAPIError as error:
            raise ForbiddenError(f"the instance refuses: {' '.join(map(str, error.args[1:]))[:200]}") from None
        except MastodonError as error:
            raise lost(f"Mastodon.py gives up: {type(error).__name__}") from None


class _WakeListener(StreamListener):
    """Rings at each notification; what it was is read through ``mentions``."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def on_notification(self, notification: Any) -> None:  # noqa: ARG002  only that it came
        """Called by Mastodon.py in its own thread."""
        self._wake()

    def on_unknown_event(self, name: str, unknown_event: Any = None) -> None:
        """News of later versions are none of ours."""

    def on_abort(self, err: Exception) -> None:
        """The library connects again by itself."""
        logging.getLogger(__name__).info("the stream of the instance ended: %s", type(err).__name__)
