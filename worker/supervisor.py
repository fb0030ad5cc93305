"""Keeps N worker processes alive: starts them, restarts those that die, and stops them in order.

The supervisor loads nothing heavy and holds no job, so nothing is lost when it is restarted. Every worker is a fresh
program (exec), never a fork: an accelerator's state must not be inherited.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from midi_data.process import usable_cores, with_parent_death_signal
from worker.queue.names import COMPOSE_QUEUE, COMPOSING
from worker.settings import Settings

logger = logging.getLogger(__name__)

ROUND_SECONDS = 0.2
HEALTHY_SECONDS = 10.0
"""A worker that lived this long is restarted at once; after an earlier exit the pause doubles each time."""
MAX_PAUSE_SECONDS = 30.0


@dataclass(slots=True)
class Slot:
    """One worker: its program (a queue, or ``COMPOSING``), process, start, and early exits in a row."""

    program: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    early_exits: int = 0

    @property
    def pause_seconds(self) -> float:
        """Time to wait before the next start."""
        return min(MAX_PAUSE_SECONDS, 0.5 * 2 ** min(self.early_exits, 10)) if self.early_exits else 0.0


class Supervisor:
    """``run`` works until ``stop`` is called, from a signal handler or from another thread."""

    def __init__(self, settings: Settings, queue_name: str) -> None:
        self.settings = settings
        self.queue_name = queue_name
        self.slots = [Slot(queue_name) for _ in range(settings.processes)]
        if settings.device != "auto" and queue_name == COMPOSE_QUEUE:
            self.slots.append(Slot(COMPOSING))
        self.stopping = threading.Event()

    def run(self) -> None:
        """Keep all slots filled; at the end stop every worker and wait for it."""
        try:
            while not self.stopping.is_set():
                for slot in self.slots:
                    self._check(slot)
                self.stopping.wait(ROUND_SECONDS)
        finally:
            self._stop_all()

    def stop(self, *_signal: object) -> None:
        """Ask ``run`` to end."""
        self.stopping.set()

    def _check(self, slot: Slot) -> None:
        """Restart the slot's worker if it has ended and its pause is over."""
        if slot.process is not None:
            status = slot.process.poll()
            if status is None:
                return
            early = time.monotonic() - slot.started < HEALTHY_SECONDS
            slot.early_exits = slot.early_exits + 1 if early else 0
            logger.warning("a worker ended with status %d; it is started again", status)
            slot.process, slot.started = None, time.monotonic()
        if time.monotonic() - slot.started >= slot.pause_seconds:
            slot.started = time.monotonic()
            slot.process = self._start(slot)

    def _start(self, slot: Slot) -> subprocess.Popen[bytes] | None:
        """A new worker; ``None`` where the system has no process, memory or file handle left at the moment."""
        command = [sys.executable, "-m", "worker", slot.program]
        threads = str(max(1, usable_cores() // self.settings.processes))
        # Numerical libraries would each take all cores, and N workers N times all cores.
        limits = {name: os.environ.get(name, threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        environment = self.settings.worker_environment() | limits
        try:
            return subprocess.Popen(with_parent_death_signal(command), env=environment)  # noqa: S603  our own command
        except OSError as error:
            # The other workers go on; this slot is tried again later.
            slot.early_exits += 1
            logger.warning("a worker does not start: %s", error)
            return None

    def _stop_all(self) -> None:
        running = [slot.process for slot in self.slots if slot.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + self.settings.stop_grace_seconds + 10
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Its song is rescued by another worker, like that of any dead one.
                process.kill()
                process.wait()
