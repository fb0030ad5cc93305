"""A composing process composes what waits; rendering processes take its songs, and do without it when it is gone."""

from pathlib import Path
from typing import Any

import pytest

from composer.decoding.generate import Composer
from composer.model.arithmetic.backends import open_backend
from composer.pipeline import checkpoint_digest
from composer.request import ComposeRequest
from tests.composer.taught import taught
from worker.client import Queues, fetch_state, submit
from worker.composing import ComposingProcess
from worker.queue.batching import COMPOSED_ELSEWHERE, IN_PROGRESS, KEY
from worker.queue.names import COMPOSE_QUEUE, COMPOSING, TRAIN_QUEUE
from worker.settings import DEFAULT_PERFORMER
from worker.storage.stats import COMPOSERS
from worker.supervisor import Supervisor
from worker.worker_process import WarmWorker

GENRE = "jazz"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return taught(tmp_path, "heavy-metal", GENRE, name="house")


@pytest.fixture
def band(queues: Queues, house: Path) -> Queues:
    changes = {"performer": DEFAULT_PERFORMER, "checkpoint": house, "compose_batch_size": 4}
    return Queues(queues.connection, queues.settings.model_copy(update=changes))


@pytest.fixture
def process(band: Queues) -> ComposingProcess:
    return ComposingProcess(band, open_backend("numpy"))


def ask(queues: Queues, *names: str) -> None:
    for name in names:
        submit(queues, ComposeRequest(genres={GENRE: 1.0}, length_seconds=10, title=name), job_id=name, formats=["mid"])


def work(queues: Queues, jobs: int | None = None) -> None:
    WarmWorker(queues).work(burst=True, logging_level=None, max_jobs=jobs)


def songs(queues: Queues, *names: str) -> list[bytes]:
    assert {name: fetch_state(queues, name).status for name in names} == dict.fromkeys(names, "done")
    return [b"".join(queues.media.read(name, "song.mid")) for name in names]


def key_of(house: Path, name: str) -> str:
    return f"{KEY}{checkpoint_digest(ComposeRequest(genres={GENRE: 1.0}), house)}:{name}"


def no_composing(*_: Any, **__: Any) -> Any:
    raise AssertionError("a rendering process composes")


def test_waiting_songs_are_composed_beside_and_are_those_they_are_alone(
    band: Queues, process: ComposingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*"abcd"]
    ask(band, *names)
    work(band)
    wanted = songs(band, *names)
    band.connection.flushall()
    ask(band, *names)
    for _ in range(2):  # in each round it looks as far as its limit
        process.compose_waiting()
    monkeypatch.setattr(Composer, "compose", no_composing)
    work(band)
    assert songs(band, *names) == wanted
    assert not list(process._unmarked())  # a song that was taken is not composed again


def test_a_song_that_no_composing_process_begins_is_composed_by_its_worker(
    band: Queues, house: Path, process: ComposingProcess
) -> None:
    ask(band, "a", "b")
    process._beat()
    band.connection.set(key_of(house, "a"), COMPOSED_ELSEWHERE)
    work(band)
    assert len(songs(band, "a", "b")) == 2


def test_songs_of_a_dead_composing_process_are_composed_by_their_workers(band: Queues, house: Path) -> None:
    ask(band, "a")
    band.stats.beat("dead", 1, COMPOSERS)
    band.connection.set(key_of(house, "a"), IN_PROGRESS, ex=10)
    work(band)
    assert len(songs(band, "a")) == 1


def test_a_stopping_process_takes_no_more_songs(band: Queues, process: ComposingProcess) -> None:
    ask(band, "a")
    process.stop()
    process.compose_waiting()
    assert not list(band.connection.scan_iter(f"{KEY}*"))


def test_its_state_is_published(band: Queues, process: ComposingProcess) -> None:
    ask(band, "a")
    process.compose_waiting()
    [state] = band.stats.composing()
    assert (state.name, state.backend, state.device, state.limit) == (process.name, "numpy", "cpu", 4)


def test_a_supervisor_starts_one_for_a_named_device(band: Queues) -> None:
    def programs(device: str, queue: str) -> list[str]:
        settings = band.settings.model_copy(update={"device": device, "processes": 2})
        return [slot.program for slot in Supervisor(settings, queue).slots]

    assert programs("auto", COMPOSE_QUEUE) == [COMPOSE_QUEUE] * 2
    assert programs("cuda", COMPOSE_QUEUE) == [COMPOSE_QUEUE, COMPOSE_QUEUE, COMPOSING]
    assert programs("cpu", TRAIN_QUEUE) == [TRAIN_QUEUE] * 2
