"""From Mastodon's JSON to a ``Mention``, its HTML to plain text, and an instance to its rules. Sends nothing."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from bot.networks.protocol import MediaRules, Mention
from composer.request import Format

MIME_TYPES: dict[Format, tuple[str, ...]] = {"mp4": ("video/mp4",), "mp3": ("audio/mpeg", "audio/mp3")}


def as_mention(notification: Any) -> Mention:
    """A notification of the type ``mention``. An edited post keeps its id, so the id is the interaction."""
    status, account = notification["status"], notification["account"]
    visibility = str(status["visibility"])
    return Mention(
        network="mastodon",
        id=str(status["id"]),
        interaction=str(status["id"]),
        author_id=str(account["id"]),
        author_name=str(account["acct"]),
        text=plain_text(str(status["content"])),
        written_at=status["created_at"].timestamp(),
        is_private=visibility == "direct",
        is_automated=bool(account.get("bot")),
        in_reply_to=str(status.get("in_reply_to_id") or ""),
        visibility=visibility,
        subject=str(status.get("spoiler_text") or ""),
    )


def read_media_rules(instance: Any, usual: MediaRules) -> MediaRules:
    """What this instance plays and how large it may be; ``usual`` where it does not say."""
    attachments = instance["configuration"].get("media_attachments") or {}
    types = set(attachments.get("supported_mime_types") or [])
    formats = tuple(kind for kind in usual.formats if not types or types.intersection(MIME_TYPES[kind]))
    most = int(attachments.get("video_size_limit") or usual.most_bytes)
    return MediaRules(formats=formats or ("mp3",), most_bytes=most, longest_seconds=usual.longest_seconds)


def plain_text(content: str) -> str:
    """The text of a post's HTML, with its line breaks."""
    reader = _Reader()
    reader.feed(content)
    reader.close()
    return "".join(reader.pieces).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """A line break is a tag of its own."""
        if tag == "br":
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """A paragraph ends with an empty line."""
        if tag == "p":
            self.pieces.append("\n\n")

    def handle_data(self, data: str) -> None:
        """Text, with its character references resolved."""
        self.pieces.append(data)
