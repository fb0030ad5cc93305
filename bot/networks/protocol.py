"""What every network looks like from inside: mentions come in, answers go out, and each failure says what is certain.

It deliberately does not know the queue, the reply_store or any one network's library.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from composer.request import Format

MIME_TYPES: dict[Format, str] = {
    "mid": "audio/midi",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "png": "image/png",
    "mp4": "video/mp4",
}


class NetworkError(Exception):
    """Base of what can go wrong at a network. The text is one line and never holds a secret."""


class TryLaterError(NetworkError):
    """For the loop: nothing happened at the network; the same may be check_call again after ``retry_after_seconds``."""

    def __init__(self, text: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class InDoubtError(NetworkError):
    """For the loop: the network may have posted or not. Look before posting again."""


class ForbiddenError(NetworkError):
    """For the log: the network will never allow this one; trying again would only annoy."""


class CredentialsError(NetworkError):
    """For the operator: the account's keys are missing, wrong or too weak."""


@dataclass(frozen=True, slots=True)
class Mention:
    """What one person wrote to the band, in one place.

    ``interaction`` is the same for every reading and every edit of it; ``id`` is what a reply is attached to.
    ``written_at`` is in unix seconds. ``conversation`` is a room or message thread, ``subject`` a content warning.
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

    def as_json(self) -> dict[str, Any]:
        """Every field, ready for ``Mention(**…)``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One finished file of the song. ``extension`` as in ``Format``; ``alt_text`` describes the song in words."""

    path: Path
    extension: Format
    alt_text: str
    duration_seconds: float
    title: str

    @property
    def mime_type(self) -> str:
        """As IANA names it; the system's own table differs from machine to machine."""
        return MIME_TYPES[self.extension]


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply, ready to post. ``key`` is the same at every attempt at this interaction."""

    text: str
    key: str
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Mentions, oldest first, and the cursor that may be kept once all of them are safe."""

    mentions: tuple[Mention, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkLimits:
    """How much may be said, and how often it is worth asking. Lengths in ``measure``'s units, pauses in seconds."""

    text_length: int
    message_length: int
    alt_text_length: int
    mentions_pause_seconds: float
    messages_pause_seconds: float | None = None  # None: the network has no messages of their own
    measure: Callable[[str], int] = field(default=len)
    sends_position: bool = False  # whether a word in between is welcome while a song waits


@dataclass(frozen=True, slots=True)
class MediaRules:
    """Which files the network plays, the best first, and how large they may be."""

    formats: tuple[Format, ...]
    most_bytes: int
    longest_seconds: float


class Network(Protocol):
    """One network. Every method blocks, and raises only ``NetworkError``'s children for what the network does."""

    name: str
    limits: NetworkLimits
    media: MediaRules

    def open(self) -> str:
        """Prove the credentials, read the network's own limits; the account's name."""

    def mentions(self, cursor: str | None) -> Batch:
        """What was written to us in public after ``cursor``. ``None``: since the catch-up time."""

    def messages(self, cursor: str | None) -> Batch:
        """What was written to us in private after ``cursor``."""

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        """Post ``answer`` and return its id. ``before_posting`` is called once, right before it becomes visible.

        A ``TryLaterError`` promises that nothing became visible; a ``InDoubtError`` promises nothing.
        """

    def tell(self, mention: Mention, text: str) -> None:
        """A word in between, while the song waits. Called only where ``limits.sends_position``; may be lost."""

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:
        """The id of our own reply to ``mention`` if the network has one: the look after a in_doubt crash."""

    def listen(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` when the network pushes news, if it can; reading still goes through ``mentions``."""

    def is_over(self) -> bool:
        """Whether nothing can come any more: the end of a terminal's input, never of a network."""

    def close(self) -> None:
        """Let go of connections."""


def job_id(network: str, interaction: str) -> str:
    """A queue-safe name (letters, digits, ``-``, ``_``) for an interaction, the same every time."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", interaction):
        return f"{network}-{interaction}"
    return f"{network}-{hashlib.sha256(interaction.encode()).hexdigest()[:40]}"
