"""Between Matrix events and the bot's words: what an event asks, and what an answer looks like. Sends nothing.

https://spec.matrix.org/latest/client-server-api/#instant-messaging
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.networks.protocol import Answer, Mention


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """One room event, seen by the account ``me``."""

    source: dict[str, Any]
    me: str

    @property
    def content(self) -> dict[str, Any]:
        """The text as it is now: of an edit, the new text."""
        content: dict[str, Any] = self.source.get("content", {})
        return content.get("m.new_content", content) if self.edits else content

    @property
    def edits(self) -> str:
        """The id of the event this one replaces."""
        relation = self.source.get("content", {}).get("m.relates_to", {})
        return str(relation["event_id"]) if relation.get("rel_type") == "m.replace" else ""

    @property
    def replies_to(self) -> str:
        """The id of the event this one answers."""
        relation = self.source.get("content", {}).get("m.relates_to", {})
        return str(relation.get("m.in_reply_to", {}).get("event_id", ""))

    @property
    def is_text(self) -> bool:
        """Somebody else's own words. ``m.notice`` is what bots write, and is never to be answered."""
        is_message = self.source.get("type") == "m.room.message" and self.source.get("sender") != self.me
        return is_message and self.content.get("msgtype") == "m.text"

    @property
    def mentions_bot(self) -> bool:
        """By the mention list, or by our name in the text."""
        body = str(self.content.get("body", "")).casefold()
        localpart = self.me[1:].split(":", maxsplit=1)[0].casefold()
        listed = self.me in self.content.get("m.mentions", {}).get("user_ids", [])
        return listed or f"@{localpart}" in body or body.startswith(f"{localpart}:")

    def as_mention(self, room: str, *, is_private: bool) -> Mention:
        """The same in the bot's words."""
        event_id = str(self.source["event_id"])
        sender = str(self.source["sender"])
        return Mention(
            network="matrix",
            id=event_id,
            interaction=self.edits or event_id,
            author_id=sender,
            author_name=sender.lstrip("@"),
            text=_without_quote(str(self.content.get("body", ""))),
            written_at=float(self.source.get("origin_server_ts", 0)) / 1000,
            is_private=is_private,
            in_reply_to=self.replies_to,
            conversation=room,
        )


def text_content(mention: Mention, text: str) -> dict[str, Any]:
    """A reply in words. A notice, so that other bots stay quiet."""
    return {"msgtype": "m.notice", "body": text} | _relation(mention)


def song_content(mention: Mention, answer: Answer, uri: str, mime: str) -> dict[str, Any]:
    """A reply with the song; ``body`` beside ``filename`` is its caption."""
    assert answer.attachment is not None  # noqa: S101  for the type checker
    path = answer.attachment.path
    info = {
        "mimetype": mime,
        "size": path.stat().st_size,
        "duration": round(answer.attachment.duration_seconds * 1000),
    }
    song = {"msgtype": "m.audio", "body": answer.text, "filename": path.name, "url": uri, "info": info}
    return song | _relation(mention)


def _relation(mention: Mention) -> dict[str, Any]:
    return {
        "m.relates_to": {"m.in_reply_to": {"event_id": mention.interaction}},
        "m.mentions": {"user_ids": [mention.author_id]},
    }


def _without_quote(body: str) -> str:
    """Older clients quote what they answer in lines that begin with ``>``."""
    return "\n".join(line for line in body.splitlines() if not line.startswith("> ")).strip()
