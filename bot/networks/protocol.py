"""The interface of a network: mentions in, answers out, and errors that say whether something became visible.

Knows no queue, no reply store and no single network's library.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, Self

from bot.mime_types import MIME_TYPES
from composer.request import Format


class NetworkError(Exception):
    """Base of a network's errors. The text is one line and holds no secret."""


class TryLaterError(NetworkError):
    """Nothing became visible; the same call may be repeated after ``retry_after_seconds``."""

    def __init__(self, text: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class StoppingError(TryLaterError):
    """The bot is shutting down; nothing became visible."""


class InDoubtError(NetworkError):
    """The answer to a visible call is lost: call ``find_reply`` before posting again."""


class ForbiddenError(NetworkError):
    """The network refuses this reply for good."""


class UploadRefusedError(NetworkError):
    """The network refuses this file; another format may be accepted. Nothing became visible."""


class CredentialsError(NetworkError):
    """The account's keys are missing, wrong or lack a permission."""


@dataclass(frozen=True, slots=True)
class Mention:
    """What one person wrote to the bot.

    ``interaction`` is the same for every reading and every edit; ``id`` is the post that a reply is attached to.
    ``written_at`` is in unix seconds. ``conversation`` is a room or message thread, ``thread`` the root of a thread in
    it, ``subject`` a content warning. ``is_private`` marks a conversation of two; ``is_public`` a place that everybody
    can read: only songs asked for there are listed on the timeline.
    """

    network: str
    id: str
    interaction: str
    author_id: str
    author_name: str
    text: str
    written_at: float
    is_private: bool = False
    is_automated: bool = False
    in_reply_to: str = ""
    conversation: str = ""
    visibility: str = ""
    subject: str = ""
    is_public: bool = False
    thread: str = ""

    def as_json(self) -> dict[str, Any]:
        """Every field, for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The mention, without fields that this version does not know. Raises ``TypeError`` if one is missing."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True, slots=True)
class Attachment:
    """One finished file of the song. ``alt_text`` describes the song in words."""

    path: Path
    extension: Format
    alt_text: str
    duration_seconds: float
    title: str

    @property
    def mime_type(self) -> str:
        """The file's MIME type."""
        return MIME_TYPES[self.extension]


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply, ready to post. ``key`` is an idempotency key: the same at every attempt.

    ``may_repeat``: whether another reply may have the same text.
    """

    text: str
    key: str
    attachment: Attachment | None = None
    may_repeat: bool = True


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item of a network that could not be read; ``source`` is what `Network.read_item` takes."""

    source: dict[str, Any]
    error: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Mentions, oldest first, and the cursor to keep once all of them are stored.

    ``deleted`` are interactions that their authors deleted. ``more`` asks for another reading at once.
    """

    mentions: tuple[Mention, ...] = ()
    cursor: str | None = None
    unreadable: tuple[Unreadable, ...] = ()
    deleted: tuple[str, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class NetworkLimits:
    """Text lengths in the units of ``measure`` and pauses between readings in seconds."""

    text_length: int
    message_length: int
    alt_text_length: int
    mentions_pause_seconds: float
    messages_pause_seconds: float | None = None  # None: no separate channel for messages
    measure: Callable[[str], int] = field(default=len)
    sends_position: bool = False  # whether `Network.tell` posts the place in the queue


@dataclass(frozen=True, slots=True)
class MediaRules:
    """Accepted formats, the preferred first, and the largest file in bytes and seconds."""

    formats: tuple[Format, ...]
    most_bytes: int
    longest_seconds: float


class Network(Protocol):
    """One network. Methods block, raise only `NetworkError` for what the network does, and may run in any thread."""

    name: str
    limits: NetworkLimits
    media: MediaRules

    def open(self) -> str:
        """Sign in, read the network's limits and return the account's name."""

    def mentions(self, cursor: str | None, since: float = 0.0) -> Batch:
        """Posts that mention the account after ``cursor``; without one, since ``since`` (unix seconds)."""

    def messages(self, cursor: str | None, since: float = 0.0) -> Batch:
        """Direct messages after ``cursor``; without one, since ``since`` (unix seconds)."""

    def read_item(self, source: dict[str, Any]) -> Mention | None:
        """The mention in the source of an `Unreadable`; None if it does not address the bot."""

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        """Post ``answer`` and return its id. ``before_posting`` is called once, right before it becomes visible.

        Raises `InDoubtError` if it may have become visible; every other error means that nothing did.
        """

    def tell(self, mention: Mention, text: str) -> None:
        """Post a notice while the song waits. Called only with ``limits.sends_position``."""

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:
        """The id of the account's reply to ``mention``, if the network has one."""

    def delete_reply(self, mention: Mention, reply_id: str) -> None:
        """Delete the account's own reply, because the question was deleted."""

    def listen(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` from another thread whenever the network pushes news, if it can."""

    def is_over(self) -> bool:
        """Whether the input has ended; only a terminal's does."""

    def close(self) -> None:
        """Close connections."""


def read_each(
    sources: Iterable[dict[str, Any]], read: Callable[[dict[str, Any]], Mention | None]
) -> tuple[tuple[Mention, ...], tuple[Unreadable, ...]]:
    """The mentions among ``sources``, in order, and the sources that ``read`` fails on. Each is read alone."""
    mentions: list[Mention] = []
    unreadable: list[Unreadable] = []
    for source in sources:
        try:
            mention = read(source)
        except NetworkError:
            raise
        except Exception as error:  # noqa: BLE001  input of strangers; kept as a dead letter
            unreadable.append(Unreadable(source, f"{type(error).__name__}: {error}"[:300]))
            continue
        if mention is not None:
            mentions.append(mention)
    return tuple(mentions), tuple(unreadable)


def job_id(network: str, interaction: str) -> str:
    """The song's id for an interaction (letters, digits, ``-``, ``_``), the same every time."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", interaction):
        return f"{network}-{interaction}"
    return f"{network}-{hashlib.sha256(interaction.encode()).hexdigest()[:40]}"
