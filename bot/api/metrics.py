"""Prometheus metrics: HTTP requests of this process, and songs of the whole service, read from Redis at each scrape."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from worker.client import COMPOSE_QUEUE, QUEUE_UNAVAILABLE, REPLY_QUEUE, TRAIN_QUEUE, TRAIN_WORKERS, Queues

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
            metrics = list(self._read())
        except QUEUE_UNAVAILABLE as gone:
            logger.warning("metrics without Redis: %s", gone)
            metrics = []
        yield GaugeMetricFamily("riffbird_up", "1 if Redis answers", value=float(bool(metrics)))
        yield from metrics

    def describe(self) -> list[Metric]:
        """Nothing, since the metrics are only known with Redis."""
        return []

    def _read(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("riffbird_queue_depth", "Jobs waiting", labels=["queue"])
        for name in (COMPOSE_QUEUE, REPLY_QUEUE, TRAIN_QUEUE):
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


def _counted(name: str, text: str, label: str, values: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
