"""What the API's tests share: a service over a real server, with its worker in the test's own process."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi.testclient import TestClient

from worker.client import Queues
from worker.worker_process import WarmWorker

ROOT = Path(__file__).parents[2]
MakeClient = Callable[..., TestClient]


@dataclass
class Service:
    queues: Queues

    def work(self, performer: str = "quick") -> None:
        """Work off the queue right here."""
        settings = self.queues.settings.model_copy(update={"performer": f"tests.worker.performers.{performer}"})
        worker = WarmWorker(Queues(self.queues.connection, settings))
        worker.work(burst=True, logging_level=None)

    @contextmanager
    def worker(self, performer: str | None = "quick") -> Iterator[subprocess.Popen]:
        """A worker as a process of its own; ``None``: one that composes."""
        performers = {"performer": f"tests.worker.performers.{performer}"} if performer else {}
        settings = self.queues.settings.model_copy(update=performers)
        environment = os.environ | settings.environment() | {"TEST_FOLDER": str(settings.data_dir)}
        with subprocess.Popen((sys.executable, "-m", "worker"), env=environment, cwd=ROOT) as process:
            try:
                yield process
            finally:
                process.terminate()
