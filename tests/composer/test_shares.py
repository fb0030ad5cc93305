"""A batch shared out among processes is the same songs, and none is lost when a process ends early."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence

import pytest

from composer import shares
from composer.compose import Band
from composer.plan import Plan, plan_song
from composer.request import ComposeRequest
from composer.shares import FEWEST_SONGS, Written, compose_shared, shared_out, usual_processes
from tests.composer.checkpoints import tiny_checkpoint


@pytest.fixture(scope="module")
def band() -> Band:
    return Band(tiny_checkpoint())


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process with one thread: here there may be others, which hold no lock that composing takes."""
    monkeypatch.setattr(shares, "_may_fork", lambda: True)


def plans(band: Band, count: int) -> list[Plan]:
    lengths = [10.0 + 3 * (number % 4) for number in range(count)]
    requests = [
        ComposeRequest(genres={"jazz": 1.0}, seed=seed, length_seconds=length) for seed, length in enumerate(lengths)
    ]
    return [plan_song(request, band.checkpoint) for request in requests]


@pytest.mark.usefixtures("forking")
def test_songs_are_the_same_whoever_composes_them(band: Band) -> None:
    wanted = plans(band, 7)
    alone = [band.compose([plan])[0] for plan in wanted]
    for processes in (1, 2, 3, 16):
        assert band.compose(wanted, processes=processes) == alone


@pytest.mark.usefixtures("forking")
def test_the_share_of_a_process_that_is_killed_is_composed_here(
    band: Band, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, here = plans(band, 6), os.getpid()
    alone, compose = band.compose(wanted), band._compose

    def killed_elsewhere(asked: Sequence[Plan], **_: object) -> list[Written]:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return compose(asked)

    monkeypatch.setattr(band, "_compose", killed_elsewhere)
    assert band.compose(wanted, processes=2) == alone
    assert "ended early" in caplog.text


@pytest.mark.usefixtures("forking")
def test_what_goes_wrong_here_ends_the_others(band: Band) -> None:
    wanted, here = plans(band, 4), os.getpid()

    def never(_: Sequence[Plan]) -> list[Written]:
        threading.Event().wait()
        raise AssertionError

    def broken(_: Sequence[Plan]) -> list[Written]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        compose_shared(wanted, 2, never, broken)
    assert os.getpid() == here
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("forking")
def test_shares_have_about_as_many_notes_each(band: Band) -> None:
    wanted = plans(band, 12)
    told = shared_out(wanted, 3)
    assert sorted(number for share in told for number in share) == list(range(12))
    bars = [sum(wanted[number].bars for number in share) for share in told]
    assert max(bars) < 1.5 * min(bars)


@pytest.mark.usefixtures("forking")
def test_few_songs_are_not_shared_out(band: Band) -> None:
    assert shared_out(plans(band, FEWEST_SONGS - 1), 8) == [list(range(FEWEST_SONGS - 1))]
    assert shared_out([], 8) == []


def test_a_process_with_threads_is_not_forked(band: Band) -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert len(shared_out(plans(band, 8), 2)) == 1
    finally:
        done.set()
        other.join()


def test_progress_is_told_by_the_share_that_is_composed_here(band: Band) -> None:
    heard: list[float] = []
    band.compose(plans(band, 5), heard.append, processes=2)
    assert heard == sorted(heard)
    assert all(0 <= share <= 1 for share in heard)


def test_processes_are_as_many_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3}, raising=False)
    for told, count in (("3", 3), ("9", 4), ("0", 4), ("many", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", told)
        assert usual_processes() == count
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert usual_processes() == 4
