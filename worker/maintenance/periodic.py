"""A thread that repeats a task, on one process of the service at a time."""

from __future__ import annotations

import logging
import threading

from redis.exceptions import LockError
from redis.lock import Lock

from worker.connection import Queues
from worker.errors import QUEUE_UNAVAILABLE

logger = logging.getLogger(__name__)


class PeriodicThread(threading.Thread):
    """Calls ``run_round`` every ``pause_seconds`` until ``stop``, holding the lock ``riffbird:lock:NAME``.

    The lock is owned by this thread (redis-py's lock holds a random token): a round that outlives ``lock_seconds``
    does not release the lock of its successor. A lost server or a bug ends the round, not the thread.
    """

    def __init__(self, queues: Queues, name: str, pause_seconds: float, lock_seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self.queues = queues
        self.pause_seconds = pause_seconds
        self.lock: Lock = queues.connection.lock(f"riffbird:lock:{name}", timeout=lock_seconds, blocking=False)
        self.stopping = threading.Event()

    def run(self) -> None:
        """Repeat the round."""
        while not self.stopping.wait(self.pause_seconds):
            try:
                self.round()
            except QUEUE_UNAVAILABLE as error:
                logger.warning("%s: the Redis server is unavailable: %s", self.name, error)
            except Exception:
                logger.exception("%s: a round failed", self.name)

    def stop(self) -> None:
        """End after the round in progress."""
        self.stopping.set()

    def round(self) -> None:
        """One round, unless another process holds the lock."""
        if not self.lock.acquire():
            return
        try:
            self.run_round()
        finally:
            self._release()

    def run_round(self) -> None:
        """The task. Subclasses implement it."""
        raise NotImplementedError

    def extend_lock(self) -> None:
        """Hold the lock for another ``lock_seconds``. Raises ``LockError`` where it was lost: the round must end."""
        self.lock.reacquire()

    def _release(self) -> None:
        try:
            self.lock.release()
        except LockError:
            logger.warning("%s: the round took longer than its lock", self.name)
