"""Keeps N worker processes alive: starts them, starts anew those that die, and stops them in good order.

The supervisor itself loads nothing heavy and holds no job, so nothing is lost when it starts one again. Every worker
is a fresh program (exec), never a fork: an accelerator's state must not be inherited. Does not know what workers do.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from midi_data.process import with_parent_death_signal
from worker.settings import Settings

logger = logging.getLogger(__name__)

ROUND_SECONDS = 0.2
HEALTHY_SECONDS = 10.0
"""A worker that lived this long starts anew at once; one that dies sooner waits, longer each time."""
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(slots=True)
class Place:
    """One worker's place: its process, when it began, and how often in a row it died young."""

    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    young_deaths: int = 0

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the place is filled again."""
        return min(LONGEST_PAUSE_SECONDS, 0.5 * 2**self.young_deaths) if self.young_deaths else 0.0


class Supervisor:
    """``run`` works until ``stop`` is called, from a signal handler or from another thread."""

    def __init__(self, settings: Settings, queue_name: str) -> None:
        self.settings = settings
        self.queue_name = queue_name
        self.places = [Place() for _ in range(settings.processes)]
        self.stopping = threading.Event()

    def run(self) -> None:
        """Keep all places filled; on the way out, stop every worker and wait for it."""
        try:
            while not self.stopping.is_set():
                for place in self.places:
                    self._tend(place)
                self.stopping.wait(ROUND_SECONDS)
        finally:
            self._stop_all()

    def stop(self, *_signal: object) -> None:
        """Ask ``run`` to end."""
        self.stopping.set()

    def _tend(self, place: Place) -> None:
        if place.process is not None:
            status = place.process.poll()
            if status is None:
                return
            young = time.monotonic() - place.started < HEALTHY_SECONDS
            place.young_deaths = place.young_deaths + 1 if young else 0
            logger.warning("a worker ended with status %d; it is started again", status)
            place.process, place.started = None, time.monotonic()
        if time.monotonic() - place.started >= place.pause_seconds:
            place.process, place.started = self._start(), time.monotonic()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "worker", self.queue_name]
        threads = str(max(1, (os.cpu_count() or 1) // self.settings.processes))
        # Numerical libraries would each take all cores, and N workers N times all cores.
        limits = {name: os.environ.get(name, threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        return subprocess.Popen(  # noqa: S603  our own command
            with_parent_death_signal(command), env=os.environ | limits | self.settings.environment()
        )

    def _stop_all(self) -> None:
        running = [place.process for place in self.places if place.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + self.settings.stop_grace_seconds + 10
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Its song is taken up again by another worker, like that of any dead one.
                process.kill()
                process.wait()
