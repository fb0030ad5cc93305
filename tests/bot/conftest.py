from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bot.api.app import create_app
from bot.api.settings import ApiSettings
from tests.bot.service import Service
from worker.client import connect
from worker.embedded import EmbeddedServer
from worker.settings import Settings


@pytest.fixture(scope="session")
def service_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedServer(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def service_band(service_server_url: str, tmp_path: Path) -> Iterator[Service]:
    queues = connect(Settings(redis_url=service_server_url, data_dir=tmp_path))
    queues.connection.flushall()
    yield Service(queues)
    queues.connection.close()


@pytest.fixture
def service_client_with(service_band: Service) -> Iterator[Callable[..., TestClient]]:
    """Makes a client of an app with the given settings, of the queue's or of the API's."""
    opened: list[TestClient] = []

    def make(*, raise_errors: bool = True, **given: object) -> TestClient:
        of_queue = {name: value for name, value in given.items() if name in Settings.model_fields}
        of_api = {"metrics_allow": "testclient"} | {name: given[name] for name in given if name not in of_queue}
        base = {"redis_url": service_band.queues.settings.redis_url, "data_dir": service_band.queues.settings.data_dir}
        app = create_app(connect(Settings(**(base | of_queue))), ApiSettings(**of_api))
        opened.append(TestClient(app, raise_server_exceptions=raise_errors))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def service_client(service_client_with: Callable[..., TestClient]) -> TestClient:
    return service_client_with()
