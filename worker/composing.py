"""The composing process of a worker with a device: it composes the songs that wait as one batch, on that device.

Songs enter the batch as they are submitted and leave it as they end; their MIDI is kept in Redis for the rendering
processes, which take the jobs. No job is claimed here, so nothing is lost with this process: its marks on songs expire
within seconds, and the rendering processes then compose by themselves.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

from rq.job import Job
from rq.registry import StartedJobRegistry

from composer.decoding.generate import Composer
from composer.errors import CheckpointError, RefusedError
from composer.model.arithmetic.backends import Backend, select_backend
from composer.pipeline import checkpoint_for, composer_for
from composer.planning.plan import Plan, plan_song
from midi_data.io.midi_writer import midi_bytes
from worker.connection import TRANSIENT_ERRORS, Queues, connect
from worker.queue.batching import COMPOSED_ELSEWHERE, IN_PROGRESS, KEPT_SECONDS, key_prefix, payload_of
from worker.queue.names import COMPOSE_QUEUE, SERIALIZER
from worker.queue.payloads import ComposePayload
from worker.settings import Settings
from worker.storage.stats import COMPOSERS, Composing

logger = logging.getLogger(__name__)

ROUND_SECONDS = 0.1
"""Between two looks at the queue."""
MARK_SECONDS = 10
"""A mark on a song, and this process, count as dead after this."""


class ComposingProcess:
    """One process; ``run`` works until ``stop``."""

    def __init__(self, queues: Queues, backend: Backend) -> None:
        self.queues, self.backend = queues, backend
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.stopping = threading.Event()
        self._prefix = ""
        self._marked: set[str] = set()
        self._looked = 0.0

    def stop(self, *_signal: object) -> None:
        """Ask ``run`` to end; songs in hand are composed by the rendering processes."""
        self.stopping.set()

    def run(self) -> None:
        """Compose until stopped; a lost server is waited for."""
        while not self.stopping.is_set():
            try:
                self.compose_waiting()
            except TRANSIENT_ERRORS as error:
                logger.warning("composing pauses: %s", type(error).__name__)
            self._marked.clear()
            self.stopping.wait(ROUND_SECONDS)

    def compose_waiting(self) -> None:
        """Compose the songs that wait, of one network, until none of its songs is left."""
        self._beat()
        first = next(self._unmarked(), None)
        if first is None:
            return
        key, payload = first
        self._prefix = key.rpartition(":")[0] + ":"
        try:
            composer = composer_for(checkpoint_for(payload.request, self.queues.settings.checkpoint))
        except (RefusedError, CheckpointError):
            self._give_up(key)
            return
        stream = composer.stream(lambda count: self._take(composer, count), self.queues.settings.compose_batch_size)
        for done, song in stream:
            # xx: only while it is still marked; a worker that lost patience composes it itself.
            self.queues.connection.set(done, midi_bytes(song), xx=True, ex=KEPT_SECONDS)
            self._marked.discard(done)

    def _take(self, composer: Composer, count: int) -> Iterator[tuple[str, Plan]]:
        """Up to ``count`` waiting songs of the network in use, marked; keeps the marks of those in hand alive."""
        if self.stopping.is_set() or (self._marked and time.monotonic() - self._looked < ROUND_SECONDS):
            return
        self._looked = time.monotonic()
        self._beat()
        for key in self._marked:
            self.queues.connection.expire(key, MARK_SECONDS)
        for key, payload in self._unmarked():
            if not count:
                return
            if key.startswith(self._prefix) and self.queues.connection.set(key, IN_PROGRESS, nx=True, ex=MARK_SECONDS):
                try:
                    plan = plan_song(payload.request, composer.checkpoint)
                except RefusedError:
                    self._give_up(key)
                    continue
                self._marked.add(key)
                count -= 1
                yield key, plan

    def _unmarked(self) -> Iterator[tuple[str, ComposePayload]]:
        """Key and payload of the first songs that are taken or wait and that no process composes or has composed."""
        queue, connection = self.queues.compose_queue, self.queues.connection
        started = StartedJobRegistry(COMPOSE_QUEUE, connection=connection, serializer=SERIALIZER)
        names = [*started.get_job_ids(cleanup=False), *queue.get_job_ids(0, self.queues.settings.compose_batch_size)]
        for job in Job.fetch_many(names, connection=connection, serializer=SERIALIZER):
            payload = None if job is None else payload_of(job)
            if job is None or payload is None or payload.is_composed_alone:
                continue
            prefix = key_prefix(payload, self.queues.settings.checkpoint)
            if prefix and not connection.exists(prefix + job.id):
                yield prefix + job.id, payload

    def _give_up(self, key: str) -> None:
        """Leave a song to the process that renders it, which reports what is wrong with it."""
        self.queues.connection.set(key, COMPOSED_ELSEWHERE, ex=KEPT_SECONDS)

    def _beat(self) -> None:
        self.queues.stats.beat(self.name, MARK_SECONDS, COMPOSERS)
        limit = self.queues.settings.compose_batch_size
        state = Composing(self.name, self.backend.name, self.backend.device, len(self._marked), limit)
        self.queues.stats.report_composing(state, MARK_SECONDS)


def run_composing(settings: Settings) -> None:
    """Compose on ``settings.device`` until stopped (SIGTERM, SIGINT). Raises ``RefusedError`` without that device."""
    process = ComposingProcess(connect(settings), select_backend("auto", settings.device))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, process.stop)
    composer_for(settings.checkpoint)
    logger.info("composing on %s by %s", process.backend.device, process.backend.name)
    try:
        process.run()
    finally:
        process.queues.stats.remove(process.name, COMPOSERS)
