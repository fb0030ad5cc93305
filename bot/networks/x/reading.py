"""Between X's JSON and the bot's types, and the arithmetic of X's ids.

Readers raise ``KeyError``, ``TypeError`` or ``ValueError`` for anything malformed.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.networks.protocol import Mention

SNOWFLAKE_EPOCH_MS = 1_288_834_974_657  # https://docs.x.com/resources/fundamentals/x-ids
CONVERSATION = re.compile(r"[0-9]{1,20}(?:-[0-9]{1,20})?")
AUTOMATED = re.compile(r"\bautomated (account|by\b)|\bbot (account\b|by @|made by\b|operated by\b)", re.IGNORECASE)
"""X's automation rules ask automated accounts to say so in their profile; the API does not show the label itself."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the mentions were read: everything up to ``newest``, or a backlog between ``since`` and ``until``.

    X pages from the youngest to the oldest. Each page is answered before the next is read, so a backlog that a day's
    budget does not cover is continued the next day.
    """

    newest: int = 0
    since: int = 0
    until: int = 0

    @classmethod
    def parse(cls, cursor: str | None) -> Position:
        """The position behind a cursor: an id, or ``backlog:SINCE:UNTIL:NEWEST``."""
        if cursor and cursor.startswith("backlog:"):
            since, until, newest = map(int, cursor.split(":")[1:])
            return cls(newest, since, until)
        return cls(int(cursor or 0))

    def as_cursor(self) -> str | None:
        """The inverse of ``parse``."""
        if self.until:
            return f"backlog:{self.since}:{self.until}:{self.newest}"
        return str(self.newest) if self.newest else None


def as_mention(tweet: dict[str, Any], author: dict[str, Any]) -> Mention:
    """A post of the mentions timeline. All edits of a post share the first version's id as their interaction."""
    return Mention(
        network="x",
        id=str(number(tweet["id"])),
        interaction=str(number((tweet.get("edit_history_tweet_ids") or [tweet["id"]])[0])),
        author_id=str(number(tweet["author_id"])),
        author_name=str(author.get("username", "")),
        text=html.unescape(post_text(tweet)),
        written_at=_unix(tweet.get("created_at"), tweet["id"]),
        is_automated=bool(AUTOMATED.search(str(author.get("description", "")))),
        in_reply_to="".join(replied_to(tweet)[:1]),
        is_public=not author.get("protected"),
    )


def as_message(event: dict[str, Any]) -> Mention:
    """A direct message."""
    conversation = str(event["dm_conversation_id"])
    if not CONVERSATION.fullmatch(conversation):
        raise ValueError("a conversation id is two numbers")
    return Mention(
        network="x",
        id=str(number(event["id"])),
        interaction=f"dm-{number(event['id'])}",
        author_id=str(number(event["sender_id"])),
        author_name="",
        text=html.unescape(_string(event.get("text", ""))),
        written_at=_unix(event.get("created_at"), event["id"]),
        is_private=True,
        conversation=conversation,
    )


def post_text(tweet: dict[str, Any]) -> str:
    """The text of a post, also of a long one."""
    note = tweet.get("note_tweet") or {}
    return _string(note.get("text") or tweet["text"])


def replied_to(tweet: dict[str, Any]) -> list[str]:
    """The id of the post that ``tweet`` answers, if any."""
    return [str(number(link["id"])) for link in tweet.get("referenced_tweets") or [] if link["type"] == "replied_to"]


def addresses_bot(tweet: dict[str, Any], name: str) -> bool:
    """Whether the author wrote ``@name`` in a post of their own, not in a repost."""
    if any(link["type"] == "retweeted" for link in tweet.get("referenced_tweets") or []):
        return False
    pattern = rf"(?<![A-Za-z0-9_.])[@＠]{re.escape(name)}(?![A-Za-z0-9_])"
    return re.search(pattern, post_text(tweet), re.IGNORECASE) is not None


def number(value: object) -> int:
    """An id as X writes it: a number of at most 20 digits, as text."""
    if is_number(value):
        return int(str(value))
    raise ValueError(f"an id is a number of at most 20 digits, not {str(value)[:40]!r}")


def is_number(value: object) -> bool:
    """Whether ``value`` is an id."""
    has_type = isinstance(value, str | int) and not isinstance(value, bool)
    return has_type and re.fullmatch(r"[0-9]{1,20}", str(value)) is not None


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is a string, not {type(value).__name__}")
    return value


def snowflake_before(cursor: str | None, seconds: float, now: float = 0.0) -> str:
    """The lowest id of the moment ``seconds`` before ``cursor`` was made, or before ``now`` (unix seconds)."""
    milliseconds = (int(cursor) >> 22) if cursor else int(now * 1000) - SNOWFLAKE_EPOCH_MS
    return str(max(1, (milliseconds - int(seconds * 1000)) << 22))


def snowflake_seconds(identifier: str | int) -> float:
    """When the object with this id was made, in unix seconds."""
    return ((int(identifier) >> 22) + SNOWFLAKE_EPOCH_MS) / 1000


def _unix(moment: object, identifier: object) -> float:
    if moment is None:
        return snowflake_seconds(number(identifier))
    return datetime.fromisoformat(_string(moment)).timestamp()
