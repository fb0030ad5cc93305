"""The bot in a terminal: one line is one mention, the answer is printed and its song kept in a folder.

Uses the same loop, reply store, queue and messages as every other network. The only network that writes to stdout.
"""

from __future__ import annotations

import queue
import shutil
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from bot.networks.protocol import Answer, Batch, MediaRules, Mention, NetworkLimits
from bot.networks.retry import Clock

FOLDER = Path("songs")


class ConsoleNetwork:
    """One person at a keyboard; ``lines`` is what they type."""

    name = "console"
    limits = NetworkLimits(
        text_length=500, message_length=500, alt_text_length=1500, mentions_pause_seconds=0.2, sends_position=True
    )
    media = MediaRules(formats=("mp4", "mp3", "mid"), most_bytes=2**40, longest_seconds=600.0)

    def __init__(self, clock: Clock, lines: Iterable[str] | None = None, folder: Path = FOLDER) -> None:
        self.clock = clock
        self.folder = folder
        self.console = Console()
        self.finished = threading.Event()
        self._lines: Iterable[str] = sys.stdin if lines is None else lines
        self._typed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._count = 0
        self._begun = f"{clock.now():.3f}".replace(".", "-")

    def open(self) -> str:
        """As ``Network.open``."""
        self.console.print("Type like a tweet, for example: Dancing robots /compose /g metal   (end: Ctrl-D)")
        return "riffbird"

    def listen(self, wake: Callable[[], None]) -> None:
        """Read the keyboard in a thread of its own."""

        def read() -> None:
            for line in self._lines:
                if line.strip():
                    self._typed.put(line.rstrip("\n"))
                    wake()
            self.finished.set()
            wake()

        threading.Thread(target=read, daemon=True, name="keyboard").start()

    def mentions(self, cursor: str | None, since: float = 0.0) -> Batch:  # noqa: ARG002
        """As ``Network.mentions``."""
        mentions = []
        while not self._typed.empty():
            self._count += 1
            name = f"{self._begun}-{self._count}"
            mentions.append(
                Mention("console", name, name, "you", "you", self._typed.get(), self.clock.now(), is_private=True)
            )
        return Batch(tuple(mentions), cursor)

    def messages(self, cursor: str | None, since: float = 0.0) -> Batch:  # noqa: ARG002
        """None: everything typed is a mention."""
        return Batch((), cursor)

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        """As ``Network.reply``."""
        kept = self._kept(mention, answer)
        before_posting()
        self.console.print(f"@riffbird: {answer.text}", markup=False)
        if kept is not None:
            self.console.print(f"           {kept}", markup=False)
        return mention.id

    def _kept(self, mention: Mention, answer: Answer) -> Path | None:
        if answer.attachment is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = self.folder / f"{mention.id}{answer.attachment.path.suffix}"
        shutil.copyfile(answer.attachment.path, kept)
        return kept

    def tell(self, mention: Mention, text: str) -> None:  # noqa: ARG002  there is one person
        """As ``Network.tell``."""
        self.console.print(f"@riffbird: {text}", markup=False)

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:  # noqa: ARG002  nothing to look at
        """A terminal remembers nothing."""
        return None

    def read_item(self, source: dict[str, Any]) -> Mention | None:  # noqa: ARG002
        """Nothing typed is unreadable."""
        return None

    def delete_reply(self, mention: Mention, reply_id: str) -> None:
        """A terminal deletes nothing."""

    def is_over(self) -> bool:
        """As ``Network.is_over``."""
        return self.finished.is_set() and self._typed.empty()

    def close(self) -> None:
        """Nothing to let go of."""
