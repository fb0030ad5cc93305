"""Fixtures of the networks' tests: imported by name where they are used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.fakes.harness import Harness, open_harness, open_server
from tests.bot.fakes.mastodon import FakeMastodon
from tests.bot.fakes.server import TestClock
from tests.bot.fakes.x import FakeX


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_server(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def clock() -> TestClock:
    return TestClock(time.time())


@pytest.fixture
def harness(server_url: str, tmp_path: Path, clock: TestClock) -> Iterator[Harness]:
    made = open_harness(server_url, tmp_path, clock)
    yield made
    made.queues.connection.close()


@pytest.fixture
def fake_x(clock: TestClock) -> Iterator[FakeX]:
    with FakeX(clock.now) as fake:
        yield fake


@pytest.fixture
def fake_mastodon(clock: TestClock) -> Iterator[FakeMastodon]:
    with FakeMastodon(clock.now) as fake:
        yield fake
