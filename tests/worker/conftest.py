import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from composer.request import ComposeRequest
from tests.waiting import DEADLINE_SECONDS
from worker.client import JobState, Queues, connect, fetch_state
from worker.embedded import EmbeddedServer
from worker.settings import Settings

ROOT = Path(__file__).parents[2]


def finished(queues: Queues, job_id: str) -> JobState | None:
    state = fetch_state(queues, job_id)
    return state if state is not None and state.status in {"done", "refused", "failed"} else None


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedServer(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def settings(server_url: str, tmp_path: Path) -> Settings:
    return Settings(
        redis_url=server_url, data_dir=tmp_path, performer="tests.worker.performers.quick", retry_delays_seconds=(1, 1)
    )


@pytest.fixture
def queues(settings: Settings) -> Iterator[Queues]:
    made = connect(settings)
    made.connection.flushall()
    yield made
    made.connection.close()


@pytest.fixture
def request_() -> ComposeRequest:
    return ComposeRequest(title="x", genres={"heavy-metal": 1.0})


@pytest.fixture
def with_performer(queues: Queues) -> Callable[[str], Queues]:
    """The queues with another function of ``tests.worker.performers`` that makes the songs."""

    def change(name: str) -> Queues:
        update = {"performer": f"tests.worker.performers.{name}"}
        return Queues(queues.connection, queues.settings.model_copy(update=update))

    return change


@contextmanager
def worker_process(settings: Settings, tests: Path, *command: str) -> Iterator[subprocess.Popen]:
    """A worker as a process of its own, ended with the block."""
    environment = os.environ | settings.environment() | {"TEST_FOLDER": str(tests)}
    process = subprocess.Popen(command or (sys.executable, "-m", "worker"), env=environment, cwd=ROOT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(DEADLINE_SECONDS)
