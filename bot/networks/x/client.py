"""X (Twitter) through tweepy: mentions, direct messages, replies with a native video and never a link.

A reply goes only to a post that mentions the account, as X's automation rules ask, and one to each.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bot.commands.text_length import X_LENGTH, longest_length
from bot.networks.json_values import objects
from bot.networks.protocol import (
    Answer,
    Batch,
    CredentialsError,
    InDoubtError,
    MediaRules,
    Mention,
    NetworkLimits,
    TryLaterError,
    read_each,
)
from bot.networks.retry import Clock
from bot.networks.x.auth import OAUTH1_NAMES, OAUTH2_NAMES, XClient
from bot.networks.x.limits import x_errors
from bot.networks.x.media import Uploader
from bot.networks.x.prices import Budget, SpendCounter
from bot.networks.x.reading import (
    Position,
    addresses_bot,
    as_mention,
    as_message,
    is_number,
    number,
    replied_to,
    snowflake_before,
    snowflake_seconds,
)
from bot.settings import BotSettings

TWEET_FIELDS = [
    "author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "note_tweet", "referenced_tweets",
]  # fmt: skip
PAGE = 100
LEAST_PAGE = 5  # the least that X accepts
MAX_PAGES = 8  # the mentions timeline goes back 800 posts
OVERLAP_SECONDS = 30.0  # a mention may show up after a younger one
LONGEST_NAME = 15
TIME_FORMAT = "\n%H:%M:%S UTC"
RESERVED_LENGTH = len("@ ") + LONGEST_NAME + len("\n00:00:00 UTC")
"""Room for what makes a text differ from others: X refuses a text that was posted within the last hour or so."""


class XNetwork:
    """The bot's account at X."""

    name = "x"
    media = MediaRules(formats=("mp4",), most_bytes=512 * 1024 * 1024, longest_seconds=140.0)

    def __init__(self, settings: BotSettings, counter: SpendCounter, clock: Clock, generator: random.Random) -> None:
        need_signing = settings.missing(*OAUTH1_NAMES)
        need_tokens = settings.missing(*OAUTH2_NAMES)
        if need_signing and need_tokens:
            raise CredentialsError(f"X needs {', '.join(need_signing)} (or {', '.join(need_tokens)}), see docs/bots.md")
        self.limits = NetworkLimits(
            text_length=X_LENGTH - RESERVED_LENGTH, message_length=10_000, alt_text_length=1000, measure=longest_length,
            mentions_pause_seconds=settings.x_mentions_pause_seconds,
            messages_pause_seconds=settings.x_messages_pause_seconds if settings.x_messages else None,
        )  # fmt: skip
        self.settings = settings
        self.clock = clock
        self.client = XClient(settings, clock)
        self.budget = Budget(counter, clock, settings.x_daily_budget_dollars)
        self.uploader = Uploader(self.client, clock, generator)
        self.user_id = self.account_name = ""

    def __repr__(self) -> str:
        return f"<XNetwork @{self.account_name}>"

    def open(self) -> str:
        """As ``Network.open``."""
        self.budget.require("account read")
        with x_errors(self.clock):
            me = self.client.get_me()["data"]
        self.budget.pay("account read")
        self.user_id, self.account_name = str(me["id"]), str(me["username"])
        return self.account_name

    # ------------------------------------------------------------------ reading

    def mentions(self, cursor: str | None, since: float = 0.0) -> Batch:
        """As ``Network.mentions``: one page. The cursor is a `Position`; a little is read twice on purpose."""
        at = Position.parse(cursor)
        oldest = at.since if at.until else self._oldest(at, since)
        page = self._page({"since_id": str(oldest)} | ({"until_id": str(at.until)} if at.until else {}))
        tweets = objects(page.get("data"))
        users = objects((page.get("includes") or {}).get("users"))
        authors = {str(user.get("id")): user for user in users}
        sources = [{"tweet": tweet, "author": authors.get(str(tweet.get("author_id")), {})} for tweet in tweets[::-1]]
        mentions, unreadable = read_each(sources, self.read_item)
        ids = [number(tweet["id"]) for tweet in tweets if is_number(tweet.get("id"))]
        newest = max([at.newest, *ids])
        more = bool(ids) and (page.get("meta") or {}).get("next_token") is not None
        position = Position(newest, oldest, min(ids)) if more else Position(newest)
        return Batch(mentions, position.as_cursor(), unreadable, more=more)

    def _oldest(self, at: Position, since: float) -> int:
        """The id to read from: without a cursor by time; else the cursor, less a margin while that is recent.

        A mention may appear after a younger one; each that is read again is paid again.
        """
        if not at.newest:
            return int(snowflake_before(None, 0.0, since))
        is_recent = self.clock.now() - snowflake_seconds(at.newest) < 2 * OVERLAP_SECONDS
        return int(snowflake_before(str(at.newest), OVERLAP_SECONDS)) if is_recent else at.newest

    def _page(self, window: dict[str, str]) -> dict[str, Any]:
        size = self.budget.page_size("mention read", "reply", LEAST_PAGE, PAGE)
        with x_errors(self.clock):
            page: dict[str, Any] = self.client.get_users_mentions(
                self.user_id, max_results=size, tweet_fields=TWEET_FIELDS, expansions=["author_id"],
                user_fields=["username", "description", "protected"], **window,
            )  # fmt: skip
        self.budget.pay("mention read", len(page.get("data") or []))
        return page

    def read_item(self, source: dict[str, Any]) -> Mention | None:
        """As ``Network.read_item``."""
        if "message" in source:
            message = as_message(source["message"])
            return message if message.author_id != self.user_id else None
        tweet = source["tweet"]
        is_ours = str(tweet["author_id"]) == self.user_id
        if is_ours or not addresses_bot(tweet, self.account_name):
            return None
        return as_mention(tweet, source["author"])

    def messages(self, cursor: str | None, since: float = 0.0) -> Batch:
        """As ``Network.messages``. Messages are paid one by one: one is read at first, more while all are new.

        If the budget ends in between, what was read is returned without a new cursor.
        """
        after = number(cursor) if cursor else int(snowflake_before(None, 0.0, since))
        fresh: list[dict[str, Any]] = []
        token, size, complete = None, 1, True
        for _ in range(MAX_PAGES):
            try:
                size = min(size, self.budget.page_size("message read", "message sent", 1, PAGE))
                page = self._messages_page({"max_results": size, "pagination_token": token})
            except TryLaterError:
                if not fresh:
                    raise
                complete = False
                break
            events = objects(page.get("data"))
            young = [event for event in events if not is_number(event.get("id")) or number(event["id"]) > after]
            fresh += young
            token, size = (page.get("meta") or {}).get("next_token"), min(2 * size, PAGE)
            if token is None or len(young) < len(events):
                break
        mentions, unreadable = read_each([{"message": event} for event in reversed(fresh)], self.read_item)
        newest = max([number(event["id"]) for event in fresh if is_number(event.get("id"))], default=int(cursor or 0))
        return Batch(mentions, str(newest) if newest and complete else None, unreadable)

    def _messages_page(self, window: dict[str, Any]) -> dict[str, Any]:
        with x_errors(self.clock):
            page: dict[str, Any] = self.client.get_direct_message_events(
                event_types="MessageCreate", user_auth=True,
                dm_event_fields=["sender_id", "dm_conversation_id", "created_at"], **window,
            )  # fmt: skip
        self.budget.pay("message read", len(page.get("data") or []))
        return page

    # ------------------------------------------------------------------ answering

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        """As ``Network.reply``."""
        price = "message sent" if mention.is_private else "reply"
        self.client.windows.require("POST", self._route(mention))  # no upload while nothing may be posted
        self.budget.reserve(price)
        try:
            media_id = None
            if answer.attachment is not None:
                media_id = self.uploader.upload(answer.attachment, "dm_video" if mention.is_private else "tweet_video")
            before_posting()
            with x_errors(self.clock, visible=True):
                posted = self._send(mention, answer, media_id)
        except InDoubtError:
            raise
        except Exception:
            self.budget.refund(price)
            raise
        return str(posted.get("id") or posted["dm_event_id"])

    def _route(self, mention: Mention) -> str:
        return f"/2/dm_conversations/{mention.conversation}/messages" if mention.is_private else "/2/tweets"

    def _send(self, mention: Mention, answer: Answer, media_id: str | None) -> dict[str, Any]:
        if mention.is_private:
            sent = self.client.create_direct_message(
                dm_conversation_id=mention.conversation, text=answer.text, media_id=media_id
            )
        else:
            media_ids = [media_id] if media_id else None
            text = _distinct(mention, answer) if answer.may_repeat else answer.text
            sent = self.client.create_tweet(text=text, in_reply_to_tweet_id=mention.id, media_ids=media_ids)
        posted: dict[str, Any] = sent["data"]
        return posted

    def tell(self, mention: Mention, text: str) -> None:
        """Does nothing: an interaction gets one reply here, the song."""

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:
        """As ``Network.find_reply``: through the account's posts since the mention, or the conversation's messages."""
        return self._find_message(mention, answer) if mention.is_private else self._find_post(mention)

    def _find_post(self, mention: Mention) -> str | None:
        asked = {mention.id, mention.interaction}
        token = None
        for _ in range(MAX_PAGES):
            size = self.budget.affordable("own post read", LEAST_PAGE, PAGE)
            with x_errors(self.clock):
                page = self.client.get_users_tweets(
                    self.user_id, since_id=mention.interaction, max_results=size, pagination_token=token,
                    tweet_fields=["referenced_tweets"],
                )  # fmt: skip
            self.budget.pay("own post read", len(page.get("data") or []))
            for tweet in objects(page.get("data")):
                if asked.intersection(replied_to(tweet)):
                    return str(tweet["id"])
            token = (page.get("meta") or {}).get("next_token")
            if token is None:
                return None
        return None

    def _find_message(self, mention: Mention, answer: Answer) -> str | None:
        size = self.budget.affordable("message read", 1, 50)
        page = self._messages_page({"dm_conversation_id": mention.conversation, "max_results": size})
        for event in objects(page.get("data")):
            is_later = is_number(event.get("id")) and number(event["id"]) > int(mention.id)
            is_ours = str(event.get("sender_id")) == self.user_id
            if is_later and is_ours and _same(str(event.get("text", "")), answer.text):
                return str(event["id"])
        return None

    def delete_reply(self, mention: Mention, reply_id: str) -> None:
        """As ``Network.delete_reply``, for posts; X has no way to take a message back."""
        if not mention.is_private:
            with x_errors(self.clock):
                self.client.delete_tweet(reply_id)

    def listen(self, wake: Callable[[], None]) -> None:
        """Does nothing: mentions are polled, which costs nothing while there are none."""

    def is_over(self) -> bool:
        """As ``Network.is_over``."""
        return False

    def close(self) -> None:
        """As ``Network.close``."""
        self.client.session.close()


def _distinct(mention: Mention, answer: Answer) -> str:
    """The text with the asker's name and the question's time: X refuses the same text twice as a duplicate.

    The same at every attempt, so that a reply that is posted again by mistake is refused.
    """
    name = f"@{mention.author_name} " if 0 < len(mention.author_name) <= LONGEST_NAME and not answer.attachment else ""
    return name + answer.text + datetime.fromtimestamp(mention.written_at, UTC).strftime(TIME_FORMAT)


def _same(sent: str, meant: str) -> bool:
    """Whether ``sent`` is ``meant``: X may shorten white space and append a link to the video."""
    return " ".join(sent.split()).startswith(" ".join(meant.split()))
