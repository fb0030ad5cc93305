"""Songs that wait are composed in one batch with the song in hand and stay the same songs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from composer import pipeline
from composer.decoding.generate import Composer
from composer.errors import RefusedError
from composer.pipeline import checkpoint_digest
from composer.planning.plan import Plan
from composer.request import ComposeRequest
from midi_data.song import Song
from tests.composer.taught import taught
from worker.client import Queues, fetch_state, submit
from worker.queue.batching import IN_PROGRESS, KEY
from worker.queue.names import COMPOSE_JOB
from worker.settings import DEFAULT_PERFORMER
from worker.worker_process import WarmWorker

GENRE = "jazz"


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many songs each call of the real band composed."""
    counted: list[int] = []
    compose = Composer.compose

    def counting(self: Composer, plans: Sequence[Plan], *more: Any, **named: Any) -> list[Song]:
        counted.append(len(plans))
        return compose(self, plans, *more, **named)

    monkeypatch.setattr(Composer, "compose", counting)
    return counted


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return taught(tmp_path, "heavy-metal", GENRE, name="house")


def playing(queues: Queues, house: Path, batch: int = 8) -> Queues:
    changes = {"performer": DEFAULT_PERFORMER, "checkpoint": house, "compose_batch_size": batch}
    return Queues(queues.connection, queues.settings.model_copy(update=changes))


def ask(queues: Queues, *names: str, **wanted: Any) -> None:
    for name in names:
        request = ComposeRequest(**{"genres": {GENRE: 1.0}, "length_seconds": 10, "title": name} | wanted)
        submit(queues, request, job_id=name, formats=["mid"])


def work(queues: Queues, jobs: int | None = None) -> None:
    WarmWorker(queues).work(burst=True, logging_level=None, max_jobs=jobs)


def songs(queues: Queues, *names: str) -> list[bytes]:
    assert {name: fetch_state(queues, name).status for name in names} == dict.fromkeys(names, "done")
    return [b"".join(queues.media.read(name, "song.mid")) for name in names]


def left_over(queues: Queues) -> list[bytes]:
    return list(queues.connection.scan_iter(f"{KEY}*"))


def test_songs_that_wait_are_composed_beside_the_first_and_are_those_they_are_alone(
    queues: Queues, house: Path, batches: list[int]
) -> None:
    alone, together = playing(queues, house, 1), playing(queues, house)
    ask(alone, "a", "b", "c")
    work(alone)
    wanted = songs(alone, "a", "b", "c")
    assert batches == [1, 1, 1]
    queues.connection.flushall()
    batches.clear()
    ask(together, "a", "b", "c")
    work(together)
    assert songs(together, "a", "b", "c") == wanted
    assert batches == [3]
    assert not left_over(queues)


def test_a_batch_is_no_larger_than_the_setting(queues: Queues, house: Path, batches: list[int]) -> None:
    two = playing(queues, house, 3)
    ask(two, *"abcdef")
    work(two)
    songs(two, *"abcdef")
    assert batches == [3, 3]


def test_the_first_song_after_a_start_is_composed_alone(queues: Queues, house: Path, batches: list[int]) -> None:
    band = playing(queues, house)
    ask(band, *"abcd")
    WarmWorker(band, first_alone=True).work(burst=True, logging_level=None)
    songs(band, *"abcd")
    assert batches == [1, 3]


def test_what_other_workers_take_next_and_their_share_is_left_to_them(
    queues: Queues, house: Path, batches: list[int]
) -> None:
    band = playing(queues, house)
    for other in range(3):
        queues.stats.beat(f"worker-{other}", 600)
    ask(band, *"abcdefgh")
    work(band, 1)
    assert batches == [3]  # a, and of seven that wait a third, behind b and c
    assert sorted(key[-1:] for key in left_over(queues)) == [b"d", b"e"]


def test_a_song_alone_in_the_queue_is_composed_as_ever(queues: Queues, house: Path, batches: list[int]) -> None:
    band = playing(queues, house)
    ask(band, "a")
    work(band)
    songs(band, "a")
    assert batches == [1]


def test_a_song_that_another_worker_composes_is_left_to_it(queues: Queues, house: Path, batches: list[int]) -> None:
    band = playing(queues, house)
    ask(band, "a", "b", "c")
    request = ComposeRequest(genres={GENRE: 1.0})
    queues.connection.set(f"{KEY}{checkpoint_digest(request, house)}:c", IN_PROGRESS)
    work(band)
    songs(band, *"abc")
    assert batches == [2, 1]
    assert not left_over(queues)


def test_a_kept_song_that_cannot_be_read_is_composed_again(
    queues: Queues, house: Path, batches: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    band = playing(queues, house)
    ask(band, "a", "b")
    work(band, 1)
    [key] = left_over(queues)
    queues.connection.set(key, b"MThd?")
    work(band)
    songs(band, "a", "b")
    assert batches == [2, 1]
    assert "cannot be read" in caplog.text


def test_another_network_than_the_one_it_was_composed_by_composes_it_anew(
    queues: Queues, house: Path, tmp_path: Path, batches: list[int]
) -> None:
    ask(playing(queues, house), "a", "b")
    work(playing(queues, house), 1)
    other = playing(queues, taught(tmp_path, "heavy-metal", GENRE, name="house", seed=2))
    work(other)
    songs(other, "a", "b")
    assert batches == [2, 1]


def test_a_request_that_is_refused_hinders_no_other(queues: Queues, house: Path, batches: list[int]) -> None:
    band = playing(queues, house)
    ask(band, "a")
    ask(band, "unknown", genres={"ska": 1.0})
    ask(band, "b")
    work(band)
    songs(band, "a", "b")
    assert fetch_state(band, "unknown").status == "refused"
    assert sum(batches) == 2


@pytest.mark.parametrize("data", [{"order": {"tempo": "of another version"}}, {}])
def test_an_order_that_cannot_be_read_hinders_no_other(
    queues: Queues, house: Path, batches: list[int], data: dict[str, Any]
) -> None:
    band = playing(queues, house)
    ask(band, "a")
    queues.compose_queue.enqueue_call(COMPOSE_JOB, kwargs=data, job_id="odd")
    ask(band, "b")
    work(band)
    songs(band, "a", "b")
    assert batches == [2]


def test_a_neighbour_that_is_refused_only_when_it_is_planned_is_not_logged(
    queues: Queues, house: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan_song = pipeline.plan_song

    def picky(request: ComposeRequest, *more: Any) -> Plan:
        if request.title == "secret":
            raise RefusedError(f"no song is called {request.title!r}")
        return plan_song(request, *more)

    monkeypatch.setattr(pipeline, "plan_song", picky)
    band = playing(queues, house)
    ask(band, "a", "secret", "b")
    work(band)
    songs(band, "a", "b")
    assert fetch_state(band, "secret").status == "refused"
    assert "no song is called" not in caplog.text


def test_a_song_with_a_bug_costs_only_itself(
    queues: Queues, house: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compose = Composer.compose

    def buggy(self: Composer, plans: Sequence[Plan], *more: Any, **named: Any) -> list[Song]:
        if any(plan.title == "bad" for plan in plans):
            raise ZeroDivisionError("a bug in the band")
        return compose(self, plans, *more, **named)

    monkeypatch.setattr(Composer, "compose", buggy)
    band = playing(queues, house)
    ask(band, "a", "bad", "b")
    work(band)
    songs(band, "a", "b")
    assert fetch_state(band, "bad").status == "failed"
    assert "each is composed alone" in caplog.text


def test_time_spent_beside_others_counts_as_composing(queues: Queues, house: Path) -> None:
    band = playing(queues, house)
    ask(band, "a", "b")
    work(band)
    first, second = (fetch_state(band, name).song.rendition.timings_seconds for name in "ab")
    assert 0 < second.compose < first.compose <= first.total
