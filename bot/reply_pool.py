"""Threads that post replies: songs and texts in separate pools, so that uploads never delay a text."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger(__name__)

TEXT_THREADS = 4


class ReplyPool:
    """Runs ``reply(interaction)``, at most once at a time per interaction.

    ``song_threads`` songs are uploaded at the same time; with 0, everything runs in the caller's thread.
    """

    def __init__(self, reply: Callable[[str], None], song_threads: int) -> None:
        self.reply = reply
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._songs = ThreadPoolExecutor(song_threads, "reply-song") if song_threads else None
        self._texts = ThreadPoolExecutor(TEXT_THREADS, "reply-text") if song_threads else None

    def is_running(self, interaction: str) -> bool:
        """Whether the reply is queued or running here."""
        with self._lock:
            return interaction in self._running

    def submit(self, interaction: str, *, is_text: bool) -> None:
        """Run the reply, unless it runs already."""
        pool = self._texts if is_text else self._songs
        with self._lock:
            if interaction in self._running:
                return
            self._running.add(interaction)
        if pool is None:
            self._run(interaction)
        else:
            pool.submit(self._run, interaction)

    def _run(self, interaction: str) -> None:
        try:
            self.reply(interaction)
        except Exception:
            logger.exception("the reply to %s failed", interaction)
        finally:
            with self._lock:
                self._running.discard(interaction)

    def close(self) -> None:
        """Wait for running replies; queued ones are left for the next start."""
        for pool in (self._songs, self._texts):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
