"""From X's JSON to a ``Mention``, and the small arithmetic of X's ids. Sends nothing."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

from bot.networks.protocol import Mention

SNOWFLAKE_EPOCH_MS = 1_288_834_974_657  # https://docs.x.com/resources/fundamentals/x-ids
AUTOMATED = re.compile(r"\bautomated (account|by\b)|\bbot (account\b|by @|made by\b|operated by\b)", re.IGNORECASE)
"""X's automation rules ask automated accounts to say so in their profile; the API does not show the label itself."""


def as_mention(tweet: dict[str, Any], author: dict[str, Any]) -> Mention:
    """A post of the mentions timeline. All edits of a post share the first version's id as their interaction."""
    text = tweet.get("note_tweet", {}).get("text") or tweet["text"]
    return Mention(
        network="x",
        id=str(tweet["id"]),
        interaction=str((tweet.get("edit_history_tweet_ids") or [tweet["id"]])[0]),
        author_id=str(tweet["author_id"]),
        author_name=str(author.get("username", "")),
        text=html.unescape(text),
        written_at=_unix(tweet.get("created_at"), str(tweet["id"])),
        is_automated=bool(AUTOMATED.search(str(author.get("description", "")))),
        in_reply_to="".join(replied_to(tweet)[:1]),
    )


def as_message(event: dict[str, Any]) -> Mention:
    """A direct message."""
    return Mention(
        network="x",
        id=str(event["id"]),
        interaction=f"dm-{event['id']}",
        author_id=str(event["sender_id"]),
        author_name="",
        text=html.unescape(str(event.get("text", ""))),
        written_at=_unix(event.get("created_at"), str(event["id"])),
        is_private=True,
        conversation=str(event["dm_conversation_id"]),
    )


def replied_to(tweet: dict[str, Any]) -> list[str]:
    """The id of the post that ``tweet`` answers, if any."""
    return [str(link["id"]) for link in tweet.get("referenced_tweets", []) if link["type"] == "replied_to"]


def addresses_bot(tweet: dict[str, Any], name: str) -> bool:
    """Whether the author addressed us in words of their own: not by a repost, and with our name in the text."""
    if any(link["type"] == "retweeted" for link in tweet.get("referenced_tweets", [])):
        return False
    text = tweet.get("note_tweet", {}).get("text") or tweet["text"]
    return re.search(rf"(?<![A-Za-z0-9_])[@＠]{re.escape(name)}(?![A-Za-z0-9_])", text, re.IGNORECASE) is not None


def snowflake_before(cursor: str | None, seconds: float, now: float = 0.0) -> str:
    """The least id of the moment ``seconds`` before ``cursor`` was made, or before ``now`` in unix seconds."""
    milliseconds = (int(cursor) >> 22) if cursor else int(now * 1000) - SNOWFLAKE_EPOCH_MS
    return str(max(1, (milliseconds - int(seconds * 1000)) << 22))


def snowflake_seconds(identifier: str) -> float:
    """When the thing with this id was made, in unix seconds."""
    return ((int(identifier) >> 22) + SNOWFLAKE_EPOCH_MS) / 1000


def _unix(moment: str | None, identifier: str) -> float:
    if moment is None:
        return snowflake_seconds(identifier)
    return datetime.fromisoformat(moment).timestamp()
