"""Songs of the house: one a genre on an empty timeline, over restarts, never in anybody's way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from composer.request import ComposeRequest
from midi_data.genres import GENRES
from tests.waiting import wait_for
from tests.worker.conftest import worker_process
from worker.client import Queues, delete_song, fetch_state, submit
from worker.house import HOUSE_KEY, HouseThread
from worker.queue.dead_letters import DeadLetters
from worker.worker_process import WarmWorker


@pytest.fixture
def house(queues: Queues) -> HouseThread:
    queues.stats.beat("worker", 600)  # one is alive
    return HouseThread(queues)


def work(queues: Queues) -> None:
    WarmWorker(queues).work(burst=True, logging_level=None)


def test_the_house_plays_one_song_of_each_genre_one_at_a_time(queues: Queues, house: HouseThread) -> None:
    for count in range(1, len(GENRES) + 3):
        house.round()
        house.round()
        assert queues.depth("compose") == (count <= len(GENRES))
        work(queues)
    songs = queues.songs.newest(50)
    assert {genre for song in songs for genre in song.request.genres} == {genre.name for genre in GENRES}
    assert len(songs) == len(GENRES)
    assert all(song.house and song.listed and song.rendition.title for song in songs)


def test_the_house_does_not_play_where_there_are_songs_already(
    queues: Queues, house: HouseThread, request_: ComposeRequest
) -> None:
    submit(queues, request_, job_id="a", formats=["mid"], listed=True)
    work(queues)
    house.round()
    assert queues.depth("compose") == 0


def test_the_house_waits_while_somebody_waits_or_nobody_works(
    queues: Queues, house: HouseThread, request_: ComposeRequest
) -> None:
    submit(queues, request_, job_id="a", formats=["mid"], listed=True)
    house.round()
    assert queues.depth("compose") == 1
    queues.connection.flushall()
    house.round()
    assert queues.depth("compose") == 0  # no worker is alive


def test_the_house_goes_on_after_a_restart(queues: Queues, house: HouseThread) -> None:
    house.round()
    work(queues)
    again = HouseThread(queues)
    for _ in GENRES:
        again.round()
        work(queues)
    again.round()
    assert len(queues.songs.newest(50)) == len(GENRES)
    assert queues.depth("compose") == 0


def test_a_deleted_song_of_the_house_is_not_made_again(queues: Queues, house: HouseThread) -> None:
    house.round()
    work(queues)
    first = queues.songs.newest(1)[0]
    delete_song(queues, first.id)
    for _ in range(len(GENRES) + 1):
        house.round()
        work(queues)
    assert first.id not in {song.id for song in queues.songs.newest(50)}
    assert len(queues.songs.newest(50)) == len(GENRES) - 1


def test_a_song_that_cannot_be_made_is_given_up(
    queues: Queues, house: HouseThread, with_performer: Callable[[str], Queues]
) -> None:
    house.round()
    work(with_performer("buggy"))
    house.round()
    assert queues.connection.sismember(HOUSE_KEY, GENRES[0].name)
    assert queues.depth("compose") == 1  # the next genre's


def test_a_request_is_not_kept_waiting_by_the_house(
    queues: Queues,
    house: HouseThread,
    request_: ComposeRequest,
    with_performer: Callable[[str], Queues],
    tmp_path: Path,
) -> None:
    """The worker drops the house's song within moments, makes the request's, and the house's later."""
    settings = with_performer("long_unless_asked").settings
    house.round()
    with worker_process(settings, tmp_path):
        wait_for((tmp_path / "begun").exists)
        submit(queues, request_, job_id="asked", formats=["mid"], listed=True)
        wait_for(lambda: fetch_state(queues, "asked").status == "done")
    assert not queues.songs.knows("house-heavy-metal")
    assert DeadLetters(queues.connection, "jobs").count() == 0
    house.round()
    assert queues.depth("compose") == 1
    work(queues)
    assert queues.songs.knows("house-heavy-metal")
