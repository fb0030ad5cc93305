"""Songs side by side, in one process or several, are as they are alone; none is lost when a process ends early."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from composer.decoding import parallel
from composer.decoding.generate import Composer
from composer.decoding.parallel import (
    FEWEST_SONGS,
    MOST_WAITING,
    NoteRows,
    WorkItem,
    WorkQueue,
    compose_parallel,
    split_work,
)
from composer.decoding.song_sampler import SongSampler
from composer.model.engine import EngineState
from composer.model.heads import Heads
from composer.planning.plan import Plan, plan_song
from composer.request import ComposeRequest
from tests.composer.checkpoints import tiny_checkpoint


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(tiny_checkpoint())


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process with one thread: here there may be others, which hold no lock that composing takes."""
    monkeypatch.setattr(parallel, "_may_fork", lambda: True)


def plans(composer: Composer, count: int) -> list[Plan]:
    lengths = [10.0 + 3 * (number % 4) for number in range(count)]
    requests = [
        ComposeRequest(genres={"jazz": 1.0}, seed=seed, length_seconds=length) for seed, length in enumerate(lengths)
    ]
    return [plan_song(request, composer.checkpoint) for request in requests]


@pytest.mark.usefixtures("forking")
def test_songs_are_the_same_with_any_number_of_processes(composer: Composer) -> None:
    wanted = plans(composer, 7)
    alone = [composer.compose([plan])[0] for plan in wanted]
    for processes in (1, 2, 3, 16):
        assert composer.compose(wanted, processes=processes) == alone


@pytest.mark.usefixtures("forking")
def test_songs_are_the_same_with_any_batch_size(composer: Composer) -> None:
    wanted = plans(composer, 11)
    alone = [composer.compose([plan])[0] for plan in wanted]
    for processes, batch_size in ((1, 1), (1, 3), (1, 10), (2, 4), (3, 7), (2, 100)):
        assert composer.compose(wanted, processes=processes, batch_size=batch_size) == alone


def test_at_most_batch_size_songs_run_and_the_next_begins_when_one_ends(
    composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    going: list[int] = []
    step = Composer._step

    def watched(self: Composer, songs: list[SongSampler], heads: Heads, state: EngineState) -> EngineState:
        going.append(len(songs))
        return step(self, songs, heads, state)

    monkeypatch.setattr(Composer, "_step", watched)
    songs = composer.compose(plans(composer, 9), batch_size=3)
    assert len(songs) == 9
    assert going == sorted(going, reverse=True)  # three until none waits, then fewer and fewer
    assert going[0] == 3
    assert going.count(3) > len(going) / 2


def test_each_number_of_the_queue_is_taken_once() -> None:
    waiting = WorkQueue(range(2000))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, np.array([*iter(waiting.take, None)], dtype=np.uint16).tobytes())
        os._exit(0)
    os.close(writing)
    taken = [*iter(waiting.take, None)]
    with os.fdopen(reading, "rb") as pipe:
        others = np.frombuffer(pipe.read(), dtype=np.uint16).tolist()
    os.waitpid(child, 0)
    waiting.close()
    assert sorted([*taken, *others]) == list(range(2000))
    assert waiting.left == 0


def test_more_songs_than_may_wait_are_refused() -> None:
    with pytest.raises(ValueError, match=f"at most {MOST_WAITING} songs wait, not {MOST_WAITING + 1}"):
        WorkQueue(range(MOST_WAITING + 1))


@pytest.mark.usefixtures("forking")
def test_songs_of_a_killed_process_are_generated_in_the_parent(
    composer: Composer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, here = plans(composer, 9), os.getpid()
    alone, compose = composer.compose(wanted), composer._generate

    def killed_elsewhere(asked: Sequence[Plan], item: WorkItem, **_: object) -> Iterator[tuple[int, NoteRows]]:
        if os.getpid() != here:
            item.queue.take()  # one that waits goes with it
            os.kill(os.getpid(), signal.SIGKILL)
        return compose(asked, item)

    monkeypatch.setattr(composer, "_generate", killed_elsewhere)
    assert composer.compose(wanted, processes=2, batch_size=6) == alone
    assert "ended early" in caplog.text


@pytest.mark.usefixtures("forking")
def test_an_error_in_the_parent_ends_the_children(composer: Composer) -> None:
    wanted, here = plans(composer, 4), os.getpid()

    def never(_: WorkItem) -> Iterator[tuple[int, NoteRows]]:
        threading.Event().wait()
        raise AssertionError

    def broken(_: WorkItem) -> Iterator[tuple[int, NoteRows]]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        compose_parallel(wanted, 2, 16, never, broken)
    assert os.getpid() == here
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("forking")
def test_children_end_with_a_killed_parent(composer: Composer) -> None:
    wanted = plans(composer, 4)
    reading, writing = os.pipe()  # open for as long as anybody who composes lives

    def begun(_: WorkItem) -> Iterator[tuple[int, NoteRows]]:
        os.write(writing, b"begun")
        threading.Event().wait()
        raise AssertionError

    composing = os.fork()
    if composing == 0:
        compose_parallel(wanted, 2, 16, begun, begun)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read(10) == b"begunbegun"
        os.kill(composing, signal.SIGKILL)
        os.waitpid(composing, 0)
        assert pipe.read() == b""


@pytest.mark.usefixtures("forking")
def test_work_items_have_about_equal_work(composer: Composer) -> None:
    wanted = plans(composer, 12)
    items, waiting = split_work(wanted, 3, 16)
    assert not waiting
    assert sorted(number for item in items for number in item) == list(range(12))
    bars = [sum(wanted[number].bars for number in item) for item in items]
    assert max(bars) < 1.5 * min(bars)


@pytest.mark.usefixtures("forking")
def test_the_longest_songs_begin_and_the_others_wait(composer: Composer) -> None:
    wanted = plans(composer, 12)
    items, waiting = split_work(wanted, 2, 8)
    first = [number for item in items for number in item]
    assert sorted([*first, *waiting]) == list(range(12))
    assert len(first) == 8
    assert np.mean([wanted[number].bars for number in first]) > np.mean([wanted[number].bars for number in waiting])


@pytest.mark.usefixtures("forking")
def test_few_songs_are_generated_in_one_process(composer: Composer) -> None:
    few = list(range(FEWEST_SONGS - 1))
    assert sorted(split_work(plans(composer, len(few)), 8, 16)[0][0]) == few
    assert len(split_work(plans(composer, 8), 8, len(few))[0]) == 1
    assert split_work([], 8, 16) == ([[]], [])


def test_a_process_with_threads_is_not_forked(composer: Composer) -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert len(split_work(plans(composer, 8), 2, 16)[0]) == 1
    finally:
        done.set()
        other.join()


def test_progress_never_falls_and_ends_at_one(composer: Composer) -> None:
    for count, batch_size in ((5, 16), (9, 2)):
        reported: list[float] = []
        composer.compose(plans(composer, count), reported.append, processes=2, batch_size=batch_size)
        assert reported == sorted(reported)
        assert all(0 <= share <= 1 for share in reported)
        assert len(set(reported)) > 1
        assert reported[-1] == 1
