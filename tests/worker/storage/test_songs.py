import json
from collections.abc import Callable
from pathlib import Path

import pytest

from composer.request import ComposeRequest
from worker.client import Queues, fetch_state, submit
from worker.maintenance.housekeeping import HousekeepingThread
from worker.storage.songs import EXPIRY_KEY
from worker.worker_process import WarmWorker


@pytest.fixture
def made(queues: Queues, request_: ComposeRequest) -> Callable[..., None]:
    def make(*ids: str) -> None:
        for job_id in ids:
            submit(queues, request_, job_id=job_id, formats=["mid"], listed=True)
        WarmWorker(queues).work(burst=True, logging_level=None)

    return make


def expire_at_once(queues: Queues, *ids: str) -> None:
    queues.connection.zadd(EXPIRY_KEY, dict.fromkeys(ids, 1.0))


def test_a_song_outlives_redis_and_expires_all_the_same(queues: Queues, made: Callable[..., None]) -> None:
    made("a", "b")
    queues.connection.flushall()
    assert fetch_state(queues, "a").status == "done"
    HousekeepingThread(queues).round()  # finds that Redis knows neither
    assert [song.id for song in queues.songs.newest(10)] == ["b", "a"]
    expire_at_once(queues, "a", "b")
    HousekeepingThread(queues).round()
    assert fetch_state(queues, "a") is None
    assert list(queues.media.ids()) == []


def test_songs_after_a_loss_are_numbered_after_the_old_ones(queues: Queues, made: Callable[..., None]) -> None:
    made("a", "b")
    queues.connection.flushall()
    assert queues.songs.reindex() == 2
    assert queues.songs.reindex() == 0
    made("c")
    assert [song.id for song in queues.songs.newest(10)] == ["c", "b", "a"]


def test_the_oldest_songs_beyond_the_limit_are_deleted(queues: Queues, made: Callable[..., None]) -> None:
    made("a", "b", "c")
    queues.songs.limit = 2
    assert queues.songs.expire() == 1
    assert sorted(queues.media.ids()) == ["b", "c"]


def test_files_of_a_song_that_was_never_finished_are_deleted_after_a_day(queues: Queues, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"half a song")
    queues.media.put("old", {"song.mp4": tmp_path / "x"})
    queues.media.put("new", {"song.mp4": tmp_path / "x"})
    queues.media.put("training", {"checkpoint.safetensors": tmp_path / "x"})
    import os

    for job_id in ("old", "training"):
        for path in Path(queues.settings.media_location, job_id).iterdir():
            os.utime(path, (1e9, 1e9))
    queues.songs.reindex()
    assert sorted(queues.media.ids()) == ["new", "training"]


def test_a_song_takes_little_of_redis_once_it_is_a_day_old(queues: Queues, made: Callable[..., None]) -> None:
    made(*(f"song-{number}" for number in range(50)))
    for key in queues.connection.scan_iter("*"):
        if 0 < queues.connection.ttl(key) <= 24 * 3600:
            queues.connection.delete(key)  # as after a day
    sizes = {key: queues.connection.memory_usage(key, samples=0) for key in queues.connection.scan_iter("*")}
    assert sum(sizes.values()) / 50 < 500, sizes


def test_a_hidden_song_stays_off_the_timeline_after_a_loss(queues: Queues, made: Callable[..., None]) -> None:
    made("a", "b")
    assert queues.songs.hide("a")
    queues.connection.flushall()
    queues.songs.reindex()
    assert [song.id for song in queues.songs.newest(10)] == ["b"]
    assert queues.songs.find("a").id == "a"
    assert not queues.songs.hide("nobody")


def test_facts_of_another_version_are_no_song_and_break_nothing(queues: Queues, made: Callable[..., None]) -> None:
    made("a", "b")
    queues.media.write("a", "facts.json", json.dumps({"id": "a"}).encode())
    queues.connection.delete("riffbird:song:a")
    assert [song.id for song in queues.songs.newest(10)] == ["b"]
    assert queues.songs.find("a") is None
