"""X (Twitter) through tweepy: mentions, direct messages, replies with a native video. Never a link, never unasked.

A reply goes only to who mentioned us, as X's automation rules ask, and one an interaction. Knows no queue, no wording.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bot.commands.text_length import longest_length
from bot.networks.protocol import Answer, Batch, CredentialsError, InDoubtError, MediaRules, Mention, NetworkLimits
from bot.networks.retry import Clock
from bot.networks.x.auth import OAUTH1_NAMES, OAUTH2_NAMES, XClient
from bot.networks.x.limits import x_errors
from bot.networks.x.media import Uploader
from bot.networks.x.prices import Budget, SpendCounter
from bot.networks.x.reading import (
    addresses_bot,
    as_mention,
    as_message,
    replied_to,
    snowflake_before,
    snowflake_seconds,
)
from bot.settings import BotSettings

TWEET_FIELDS = [
    "author_id", "conversation_id", "created_at", "edit_history_tweet_ids", "note_tweet", "referenced_tweets",
]  # fmt: skip
PAGE = 100
MOST_PAGES = 8  # the mentions timeline goes back 800 posts
OVERLAP_SECONDS = 30.0  # a mention may show up after a younger one


class XNetwork:
    """The band's account at X."""

    name = "x"
    media = MediaRules(formats=("mp4",), most_bytes=512 * 1024 * 1024, longest_seconds=140.0)

    def __init__(self, settings: BotSettings, counter: SpendCounter, clock: Clock, generator: random.Random) -> None:
        need_signing = settings.missing(*OAUTH1_NAMES)
        need_tokens = settings.missing(*OAUTH2_NAMES)
        if need_signing and need_tokens:
            raise CredentialsError(f"X needs {', '.join(need_signing)} (or {', '.join(need_tokens)}), see docs/bots.md")
        self.limits = NetworkLimits(
            text_length=280, message_length=10_000, alt_text_length=1000, measure=longest_length,
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

    def mentions(self, cursor: str | None) -> Batch:
        """As ``Network.mentions``. The cursor is the youngest mention's id; a little is read twice, on purpose."""
        since = {"since_id": self._overlapping(cursor)} if cursor else self._catch_up()
        found, authors = self._pages(since)
        ours = [tweet for tweet in found[::-1] if self._addresses_bot(tweet)]
        found_mentions = tuple(as_mention(tweet, authors.get(str(tweet["author_id"]), {})) for tweet in ours)
        youngest = max((int(tweet["id"]) for tweet in found), default=int(cursor or 0))
        return Batch(found_mentions, str(max(youngest, int(cursor or 0))) if youngest else None)

    def _overlapping(self, cursor: str) -> str:
        """A little before a fresh cursor, and an older one itself: each mention read again is paid for again."""
        is_fresh = self.clock.now() - snowflake_seconds(cursor) < 2 * OVERLAP_SECONDS
        return snowflake_before(cursor, OVERLAP_SECONDS) if is_fresh else cursor

    def _catch_up(self) -> dict[str, Any]:
        begin = self.clock.now() - self.settings.bot_catch_up_hours * 3600
        return {"start_time": datetime.fromtimestamp(begin, UTC)}

    def _addresses_bot(self, tweet: dict[str, Any]) -> bool:
        return str(tweet["author_id"]) != self.user_id and addresses_bot(tweet, self.account_name)

    def _pages(self, window: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """All tweets of ``window``, youngest first, and their authors by id."""
        found: list[dict[str, Any]] = []
        authors: dict[str, dict[str, Any]] = {}
        token = None
        for _ in range(MOST_PAGES):
            page = self._page(window, token)
            found += page.get("data", [])
            authors |= {str(user["id"]): user for user in page.get("includes", {}).get("users", [])}
            token = page.get("meta", {}).get("next_token")
            if token is None:
                break
        return found, authors

    def _page(self, window: dict[str, Any], token: str | None) -> dict[str, Any]:
        self.budget.require("mention read")
        size = max(5, self.budget.affords("mention read", PAGE))  # 5 is the least X accepts
        with x_errors(self.clock):
            page: dict[str, Any] = self.client.get_users_mentions(
                self.user_id, max_results=size, pagination_token=token, tweet_fields=TWEET_FIELDS,
                expansions=["author_id"], user_fields=["username", "description"], **window,
            )  # fmt: skip
        self.budget.pay("mention read", len(page.get("data", [])))
        return page

    def messages(self, cursor: str | None) -> Batch:
        """As ``Network.messages``. Reading costs by the message: one at first, more while all of them are news."""
        oldest = snowflake_before(None, self.settings.bot_catch_up_hours * 3600, self.clock.now())
        since = int(cursor or oldest)
        fresh: list[dict[str, Any]] = []
        token, size = None, 1
        for _ in range(MOST_PAGES):
            page = self._messages_page({"max_results": size, "pagination_token": token})
            events = [event for event in page.get("data", []) if int(event["id"]) > since]
            fresh += events
            token, size = page.get("meta", {}).get("next_token"), min(2 * size, PAGE)
            if token is None or len(events) < len(page.get("data", [])):
                break
        found_mentions = [as_message(event) for event in reversed(fresh) if str(event.get("sender_id")) != self.user_id]
        youngest = max((int(event["id"]) for event in fresh), default=int(cursor or 0))
        return Batch(tuple(found_mentions), str(youngest) if youngest else None)

    def _messages_page(self, window: dict[str, Any]) -> dict[str, Any]:
        self.budget.require("message read")
        with x_errors(self.clock):
            page: dict[str, Any] = self.client.get_direct_message_events(
                event_types="MessageCreate", user_auth=True,
                dm_event_fields=["sender_id", "dm_conversation_id", "created_at"], **window,
            )  # fmt: skip
        self.budget.pay("message read", len(page.get("data", [])))
        return page

    # ------------------------------------------------------------------ answering

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        """As ``Network.reply``."""
        price = "message sent" if mention.is_private else "reply"
        self.budget.require(price)
        self.client.rates.require("POST", self._route(mention))  # no upload while nothing may be posted
        media_id = None
        if answer.attachment is not None:
            media_id = self.uploader.upload(answer.attachment, "dm_video" if mention.is_private else "tweet_video")
        before_posting()
        try:
            with x_errors(self.clock, visible=True):
                posted = self._send(mention, answer.text, media_id)
        except InDoubtError:
            self.budget.pay(price)
            raise
        self.budget.pay(price)
        return str(posted.get("id") or posted["dm_event_id"])

    def _route(self, mention: Mention) -> str:
        return f"/2/dm_conversations/{mention.conversation}/messages" if mention.is_private else "/2/tweets"

    def _send(self, mention: Mention, text: str, media_id: str | None) -> dict[str, Any]:
        if mention.is_private:
            sent = self.client.create_direct_message(
                dm_conversation_id=mention.conversation, text=text, media_id=media_id
            )
        else:
            media_ids = [media_id] if media_id else None
            text = text if media_ids else self._to_person(mention, text)
            sent = self.client.create_tweet(text=text, in_reply_to_tweet_id=mention.id, media_ids=media_ids)
        posted: dict[str, Any] = sent["data"]
        return posted

    def _to_person(self, mention: Mention, text: str) -> str:
        """Words alone begin with the asker's name: X refuses the same help, word for word, to a second person."""
        named = f"@{mention.author_name} {text}"
        fits = mention.author_name and self.limits.measure(named) <= self.limits.text_length
        return named if fits else text

    def tell(self, mention: Mention, text: str) -> None:
        """Nothing: an interaction gets one reply here, and that is the song."""

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:
        """As ``Network.find_reply``: through our own posts since the mention, or the conversation's messages."""
        return self._find_message(mention, answer) if mention.is_private else self._find_post(mention)

    def _find_post(self, mention: Mention) -> str | None:
        asked = {mention.id, mention.interaction}
        token = None
        for _ in range(MOST_PAGES):
            self.budget.require("own post read")
            with x_errors(self.clock):
                page = self.client.get_users_tweets(
                    self.user_id, since_id=mention.interaction, max_results=PAGE, pagination_token=token,
                    tweet_fields=["referenced_tweets"],
                )  # fmt: skip
            self.budget.pay("own post read", len(page.get("data", [])))
            for tweet in page.get("data", []):
                if asked.intersection(replied_to(tweet)):
                    return str(tweet["id"])
            token = page.get("meta", {}).get("next_token")
            if token is None:
                return None
        return None

    def _find_message(self, mention: Mention, answer: Answer) -> str | None:
        page = self._messages_page({"dm_conversation_id": mention.conversation, "max_results": 50})
        for event in page.get("data", []):
            later = int(event["id"]) > int(mention.id)
            if later and str(event["sender_id"]) == self.user_id and _same(event.get("text", ""), answer.text):
                return str(event["id"])
        return None

    def listen(self, wake: Callable[[], None]) -> None:
        """X pushes nothing here: mentions are polled, which costs nothing while there are none."""

    def is_over(self) -> bool:
        """As ``Network.is_over``."""
        return False

    def close(self) -> None:
        """As ``Network.close``."""
        self.client.session.close()


def _same(sent: str, meant: str) -> bool:
    """X may shorten white space and append a link to the video."""
    return " ".join(sent.split()).startswith(" ".join(meant.split()))
