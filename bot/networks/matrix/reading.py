"""Between Matrix events and the bot's types. Every field of an event may have any JSON type: strangers send them.

https://spec.matrix.org/latest/client-server-api/#instant-messaging
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.networks.json_values import mapping
from bot.networks.matrix.address import Address
from bot.networks.protocol import Answer, Mention


def text(value: object) -> str:
    """``value`` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """One room event, seen by the account at ``address``."""

    source: dict[str, Any]
    address: Address

    @property
    def _original(self) -> dict[str, Any]:
        return mapping(self.source.get("content"))

    @property
    def _relation(self) -> dict[str, Any]:
        return mapping(self._original.get("m.relates_to"))

    @property
    def content(self) -> dict[str, Any]:
        """The content as it is now: of an edit, the new content."""
        new = self._original.get("m.new_content")
        return new if self.edits and isinstance(new, dict) else self._original

    @property
    def edits(self) -> str:
        """Id of the event that this one replaces."""
        is_edit = self._relation.get("rel_type") == "m.replace"
        return text(self._relation.get("event_id")) if is_edit else ""

    @property
    def thread(self) -> str:
        """Id of the root event of the thread that this event is in."""
        relation = self._relation if not self.edits else mapping(self.content.get("m.relates_to"))
        return text(relation.get("event_id")) if relation.get("rel_type") == "m.thread" else ""

    @property
    def replies_to(self) -> str:
        """Id of the event that this one answers. In a thread, the fallback for older clients does not count."""
        if self.thread and self._relation.get("is_falling_back") is True:
            return ""
        return self.attached_to

    @property
    def attached_to(self) -> str:
        """Id of the event in ``m.in_reply_to``."""
        return text(mapping(self._relation.get("m.in_reply_to")).get("event_id"))

    @property
    def redacts(self) -> str:
        """Id of the event that this one deletes."""
        if self.source.get("type") != "m.room.redaction":
            return ""
        return text(self.source.get("redacts")) or text(self._original.get("redacts"))

    @property
    def is_text(self) -> bool:
        """Whether somebody else wrote it. Bots write ``m.notice``, which is never answered."""
        is_message = self.source.get("type") == "m.room.message" and self.source.get("sender") != self.address.user_id
        return is_message and self.content.get("msgtype") == "m.text"

    @property
    def mentions_bot(self) -> bool:
        """Whether the mention list, a pill or the text names the bot."""
        listed = mapping(self.content.get("m.mentions")).get("user_ids")
        if isinstance(listed, list) and self.address.user_id in listed:
            return True
        body = _without_quote(text(self.content.get("body")))
        return self.address.is_named(body) or self.address.is_linked(text(self.content.get("formatted_body")))

    def as_mention(self, room: str, *, is_private: bool, is_public: bool) -> Mention:
        """The mention. Raises ``ValueError`` or ``TypeError`` for a malformed event."""
        event_id, sender = text(self.source.get("event_id")), text(self.source.get("sender"))
        body, written_at = self.content.get("body"), self.source.get("origin_server_ts")
        if not event_id or not sender or not isinstance(body, str):
            raise ValueError("an event needs event_id, sender and body, all text")
        if isinstance(written_at, bool) or not isinstance(written_at, int | float):
            raise TypeError(f"origin_server_ts is a number, not {type(written_at).__name__}")
        return Mention(
            network="matrix",
            id=event_id,
            interaction=self.edits or event_id,
            author_id=sender,
            author_name=sender.lstrip("@"),
            text=self.address.without(_without_quote(body)),
            written_at=float(written_at) / 1000,
            is_private=is_private,
            is_public=is_public,
            in_reply_to=self.replies_to,
            conversation=room,
            thread=self.thread,
        )


def text_content(mention: Mention, body: str) -> dict[str, Any]:
    """A reply in text, as ``m.notice`` so that other bots do not answer it."""
    return {"msgtype": "m.notice", "body": body} | _relation(mention)


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


def wait_content(mention: Mention, body: str) -> dict[str, Any]:
    """A notice while the song waits: in the same thread, but no reply, so it is not taken for one."""
    content: dict[str, Any] = {"msgtype": "m.notice", "body": body}
    if mention.thread:
        content["m.relates_to"] = {"rel_type": "m.thread", "event_id": mention.thread}
    return content


def _relation(mention: Mention) -> dict[str, Any]:
    relation: dict[str, Any] = {"m.in_reply_to": {"event_id": mention.interaction}}
    if mention.thread:
        relation |= {"rel_type": "m.thread", "event_id": mention.thread, "is_falling_back": False}
    return {"m.relates_to": relation, "m.mentions": {"user_ids": [mention.author_id]}}


def _without_quote(body: str) -> str:
    """``body`` without the quoted lines at its beginning that older clients write into replies."""
    lines = body.splitlines()
    while lines and lines[0].startswith(">"):
        lines.pop(0)
    return "\n".join(lines).strip()
