"""Between Mastodon's JSON and the bot's types: mentions, the text of HTML, an instance's media rules."""

from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from bot.networks.protocol import MediaRules, Mention
from composer.request import Format

MIME_TYPES: dict[Format, tuple[str, ...]] = {"mp4": ("video/mp4",), "mp3": ("audio/mpeg", "audio/mp3")}
BLOCKS = {
    "p", "div", "li", "ul", "ol", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "section", "article",
    "dt", "dd", "hr", "table",
}  # fmt: skip
HIDDEN = {"script", "style", "template"}
_QUOTE_LINE = re.compile(r"(?im)^\s*RE:\s*(?:https?://)?\S+\.\S+\s*$")
"""Mastodon puts ``RE: link`` into posts that quote another, for software that shows no quotes."""


def as_mention(notification: Any) -> Mention:
    """A notification of the type ``mention``. An edited post keeps its id, so the id is the interaction.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else.
    """
    status, account = notification["status"], notification["account"]
    visibility, identifier = str(status["visibility"]), _id(status["id"])
    return Mention(
        network="mastodon",
        id=identifier,
        interaction=identifier,
        author_id=_id(account["id"]),
        author_name=str(account["acct"]),
        text=plain_text(str(status["content"])),
        written_at=_unix(status["created_at"]),
        is_private=visibility == "direct",
        is_public=visibility == "public",
        is_automated=bool(account.get("bot")),
        in_reply_to=str(status.get("in_reply_to_id") or ""),
        visibility=visibility,
        subject=str(status.get("spoiler_text") or ""),
    )


def _id(value: object) -> str:
    """Ids are opaque: Mastodon's are numbers, GoToSocial's are ULIDs."""
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value):
        raise ValueError(f"an id is a text or a number, not {type(value).__name__}")
    return str(value)


def _unix(value: object) -> float:
    """Unix seconds of what Mastodon.py parsed, or of the text itself."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.timestamp()


def read_media_rules(instance: Any, usual: MediaRules) -> MediaRules:
    """Formats and sizes that this instance accepts; ``usual`` where it does not say."""
    attachments = instance["configuration"].get("media_attachments") or {}
    types = set(attachments.get("supported_mime_types") or [])
    formats = tuple(kind for kind in usual.formats if not types or types.intersection(MIME_TYPES[kind]))
    most = int(attachments.get("video_size_limit") or usual.most_bytes)
    return MediaRules(formats=formats or ("mp3",), most_bytes=most, longest_seconds=usual.longest_seconds)


def plain_text(content: str) -> str:
    """The text of a post's HTML with its line breaks, without the line that stands for a quoted post."""
    reader = _Reader()
    reader.feed(content)
    reader.close()
    lines = _QUOTE_LINE.sub("", "".join(reader.pieces))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Blocks and line breaks begin a new line."""
        if tag == "br" or (tag in BLOCKS and self.pieces):
            self.pieces.append("\n")
        self._hidden += tag in HIDDEN

    def handle_endtag(self, tag: str) -> None:
        """Blocks end their line."""
        if tag in BLOCKS:
            self.pieces.append("\n")
        if tag in HIDDEN:
            self._hidden = max(0, self._hidden - 1)

    def handle_data(self, data: str) -> None:
        """Text, with its character references resolved."""
        if not self._hidden:
            self.pieces.append(data)
