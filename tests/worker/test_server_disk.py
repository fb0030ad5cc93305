"""What was accepted is on disk before it is answered."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from worker.client import QUEUE_UNAVAILABLE, connect, wait_for_disk
from worker.embedded import EmbeddedServer
from worker.settings import Settings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[redis.Redis]:
    """A server of the test's own, since it changes its settings."""
    with EmbeddedServer(tmp_path) as url:
        queues = connect(Settings(redis_url=url, data_dir=tmp_path))
        yield queues.connection
        queues.connection.close()


def test_all_that_was_written_is_on_disk_afterwards(server: redis.Redis, tmp_path: Path) -> None:
    server.set("song", "a song that was accepted")
    assert wait_for_disk(server)
    [log] = (tmp_path / "appendonlydir").glob("*.incr.aof")
    assert b"a song that was accepted" in log.read_bytes()


def test_it_waits_for_writes_of_other_connections_too(server: redis.Redis) -> None:
    """WAITAOF alone waits for those of its own connection, and a pool has several."""
    assert wait_for_disk(server)
    calls = server.info("commandstats")
    assert calls["cmdstat_set"]["calls"] == calls["cmdstat_waitaof"]["calls"] == 1


def test_a_server_that_keeps_no_log_is_told_and_not_waited_for(
    server: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    server.config_set("appendonly", "no")
    with caplog.at_level(logging.WARNING):
        assert not wait_for_disk(server)
    assert "does not confirm writes to disk" in caplog.text


def test_a_server_that_refuses_writes_is_an_error(server: redis.Redis) -> None:
    server.config_set("min-replicas-to-write", 1)
    with pytest.raises(QUEUE_UNAVAILABLE):
        wait_for_disk(server)
