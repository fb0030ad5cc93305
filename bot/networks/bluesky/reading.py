"""Between Bluesky's JSON and the bot's types. Readers raise ``KeyError``, ``TypeError`` or ``ValueError``.

https://docs.bsky.app/docs/api/app-bsky-notification-list-notifications
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from bot.networks.protocol import Mention

REASONS = ("mention", "reply")
TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
HIDDEN_LABEL = "!no-unauthenticated"  # the author asks not to be shown to people without an account


def as_mention(notification: dict[str, Any]) -> Mention:
    """A notification of a mention or of a reply to the account. The text of a post is never edited."""
    author, record = notification["author"], notification["record"]
    labels = {str(label.get("val")) for label in author.get("labels") or []}
    uri, cid = _string(notification["uri"]), _string(notification["cid"])
    reply = record.get("reply") or {}
    root = reply.get("root") or {"uri": uri, "cid": cid}
    return Mention(
        network="bluesky",
        id=f"{uri} {cid}",
        interaction=uri,
        author_id=_string(author["did"]),
        author_name=_string(author["handle"]),
        text=_string(record["text"]),
        written_at=unix(notification["indexedAt"]),
        is_automated="bot" in labels,
        is_public=HIDDEN_LABEL not in labels,
        in_reply_to=_string((reply.get("parent") or {}).get("uri", "")),
        thread=f"{_string(root['uri'])} {_string(root['cid'])}",
    )


def reply_reference(mention: Mention) -> dict[str, dict[str, str]]:
    """The ``reply`` of a post that answers ``mention`` in its thread."""
    return {"root": _reference(mention.thread), "parent": _reference(mention.id)}


def record_key(mention: Mention) -> str:
    """The record key of the one reply to ``mention``: a TID made from its time and uri, the same at every attempt.

    A second post under the same key replaces the first, so the network itself keeps the reply single.
    https://atproto.com/specs/tid
    """
    digest = int.from_bytes(hashlib.sha256(mention.interaction.encode()).digest()[:8])
    microseconds = int(mention.written_at * 1000) * 1000 + digest % 1000
    number = (microseconds & (2**53 - 1)) << 10 | (digest // 1000) % 1024
    return "".join(TID_LETTERS[number >> shift & 31] for shift in range(60, -1, -5))


def unix(moment: object) -> float:
    """Unix seconds of an ISO time. Raises ``ValueError`` for one without a time zone."""
    read = datetime.fromisoformat(_string(moment))
    if read.tzinfo is None:
        raise ValueError(f"a time has a zone, unlike {moment!r}")
    return read.timestamp()


def iso(moment: float) -> str:
    """``moment`` in unix seconds as Bluesky writes times."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reference(text: str) -> dict[str, str]:
    uri, _, cid = text.partition(" ")
    return {"uri": uri, "cid": cid}


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is a string, not {type(value).__name__}")
    return value
