"""A network in memory for tests of the loop: batches are given, replies are kept, errors and delays are scripted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.networks.protocol import Answer, Batch, MediaRules, Mention, NetworkLimits, Unreadable


@dataclass
class ScriptedNetwork:
    name: str = "scripted"
    limits: NetworkLimits = field(default_factory=lambda: NetworkLimits(500, 500, 500, mentions_pause_seconds=0.1))
    media: MediaRules = field(default_factory=lambda: MediaRules(("mp4", "mp3"), 10**9, 600.0))
    batches: deque[Batch] = field(default_factory=deque)
    posted: dict[str, Answer] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    upload: Callable[[Answer], None] = lambda _: None
    post: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    read: list[str | None] = field(default_factory=list)

    def open(self) -> str:
        return "riffbird"

    def mentions(self, cursor: str | None, since: float = 0.0) -> Batch:  # noqa: ARG002
        self.read.append(cursor)
        return self.batches.popleft() if self.batches else Batch((), cursor)

    def messages(self, cursor: str | None, since: float = 0.0) -> Batch:  # noqa: ARG002
        return Batch((), cursor)

    def read_item(self, source: dict[str, Any]) -> Mention | None:
        return Mention.from_json(source)

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        if answer.attachment is not None:
            assert answer.attachment.path.exists()
            self.uploads.append(answer.attachment.extension)
            self.upload(answer)
        before_posting()
        self.post()
        with self.lock:
            assert mention.interaction not in self.posted, "posted twice"
            self.posted[mention.interaction] = answer
        return f"reply-{mention.interaction}"

    def tell(self, mention: Mention, text: str) -> None:
        """Nothing is sent."""

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:  # noqa: ARG002
        return f"reply-{mention.interaction}" if mention.interaction in self.posted else None

    def delete_reply(self, mention: Mention, reply_id: str) -> None:
        self.deleted.append(reply_id)
        self.posted.pop(mention.interaction, None)

    def listen(self, wake: Callable[[], None]) -> None:
        """Nothing is pushed."""

    def is_over(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""

    # ------------------------------------------------------------------ for tests

    def write(self, *mentions: Mention, unreadable: tuple[Unreadable, ...] = (), deleted: tuple[str, ...] = ()) -> None:
        self.batches.append(Batch(mentions, str(len(self.read) + len(self.batches)), unreadable, deleted))


def mention(number: int | str, text: str, now: float, **fields: Any) -> Mention:
    author = fields.pop("author_id", f"author-{number}")
    return Mention("scripted", f"m{number}", f"m{number}", author, author, text, now, **fields)
