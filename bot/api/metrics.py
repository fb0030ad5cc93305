"""Prometheus metrics: HTTP requests of this process, and songs of the whole service, read from Redis at each scrape."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from bot.metrics import read_bots
from worker.client import COMPOSE_QUEUE, QUEUE_UNAVAILABLE, TRAIN_QUEUE, TRAIN_WORKERS, Queues, dead_letter_lists

logger = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class HttpMetrics:
    """Counters of one app, in its own registry, so that two apps in a process do not collide."""

    def __init__(self, queues: Queues) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(ServiceCollector(queues))
        labels = ("method", "route", "status")
        self.requests = Counter("riffbird_http_requests", "HTTP requests", labels, registry=self.registry)
        self.seconds = Histogram("riffbird_http_seconds", "Seconds a request took", ("route",), registry=self.registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class ServiceCollector(Collector):
    """Reads the service's counters at each scrape; without Redis there is only ``riffbird_up 0``."""

    def __init__(self, queues: Queues) -> None:
        self.queues = queues

    def collect(self) -> Iterator[Metric]:
        """The current metrics."""
        try:
            self.queues.check_writable()
            metrics = list(self._read())
        except QUEUE_UNAVAILABLE as gone:
            logger.warning("metrics without Redis: %s", gone)
            metrics = []
        yield GaugeMetricFamily("riffbird_up", "1 if Redis answers and accepts writes", value=float(bool(metrics)))
        yield from metrics

    def describe(self) -> list[Metric]:
        """Nothing, since the metrics are only known with Redis."""
        return []

    def _read(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("riffbird_queue_depth", "Jobs waiting", labels=["queue"])
        for name in (COMPOSE_QUEUE, TRAIN_QUEUE):
            depth.add_metric([name], self.queues.depth(name))
        yield depth
        stats = self.queues.stats
        yield GaugeMetricFamily("riffbird_workers", "Worker processes alive", value=stats.worker_count())
        trainers = stats.worker_count(TRAIN_WORKERS)
        yield GaugeMetricFamily("riffbird_trainers", "Training workers alive", value=trainers)
        counts = stats.read()
        yield _counted("riffbird_songs", "Songs by outcome", "outcome", counts.outcomes)
        yield _counted("riffbird_trainings", "Trainings by outcome", "outcome", counts.trainings)
        yield _counted("riffbird_failures", "Errors by kind, retried or not", "kind", counts.failures)
        stages = SummaryMetricFamily("riffbird_stage_seconds", "Seconds of a song by stage", labels=["stage"])
        for stage, (songs, seconds) in counts.stages.items():
            stages.add_metric([stage], songs, seconds)
        yield stages
        yield from self._read_composing()
        yield from self._read_processes()
        yield from self._read_bots()
        letters = GaugeMetricFamily("riffbird_dead_letters", "Items that could not be processed", labels=["list"])
        for each in dead_letter_lists(self.queues.connection):
            letters.add_metric([each.name], each.count())
        yield letters

    def _read_composing(self) -> Iterator[Metric]:
        labels = ["process", "backend", "device"]
        songs = GaugeMetricFamily("riffbird_composing_songs", "Songs that are composed side by side", labels=labels)
        limit = GaugeMetricFamily("riffbird_composing_limit", "Most songs side by side", labels=labels)
        for state in self.queues.stats.composing():
            songs.add_metric([state.name, state.backend, state.device], state.songs)
            limit.add_metric([state.name, state.backend, state.device], state.limit)
        yield from (songs, limit)

    def _read_processes(self) -> Iterator[Metric]:
        labels = ["role", "process"]
        memory = GaugeMetricFamily("riffbird_process_resident_bytes", "Memory of a worker or bot", labels=labels)
        cpu = CounterMetricFamily("riffbird_process_cpu_seconds", "Processor time of a worker or bot", labels=labels)
        for use in self.queues.stats.processes():
            memory.add_metric([use.role, use.name], use.resident_bytes)
            cpu.add_metric([use.role, use.name], use.cpu_seconds)
        yield memory
        yield cpu

    def _read_bots(self) -> Iterator[Metric]:
        events = CounterMetricFamily("riffbird_bot_events", "Events of a bot", labels=["network", "event"])
        owed = GaugeMetricFamily("riffbird_bot_owed_replies", "Replies that are owed", labels=["network"])
        idle = GaugeMetricFamily("riffbird_bot_idle_seconds", "Seconds since a bot's loop last ran", labels=["network"])
        for bot in read_bots(self.queues.connection):
            for event, count in bot.counters.items():
                events.add_metric([bot.network, event], count)
            owed.add_metric([bot.network], bot.owed)
            idle.add_metric([bot.network], bot.idle_seconds)
        yield from (events, owed, idle)


def _counted(name: str, text: str, label: str, values: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
