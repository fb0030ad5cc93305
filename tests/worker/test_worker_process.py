import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from composer.request import ComposeRequest
from tests.waiting import wait_for
from tests.worker.conftest import finished, worker_process
from worker.client import Queues, fetch_state, submit
from worker.settings import Settings

SUPERVISE = (
    "import signal; from worker.settings import Settings; from worker.supervisor import Supervisor;"
    "s = Supervisor(Settings(), 'compose'); signal.signal(signal.SIGTERM, s.stop); s.run()"
)


@pytest.fixture
def gated(settings: Settings) -> Settings:
    return settings.model_copy(update={"performer": "tests.worker.performers.gated"})


def begun(tests: Path, title: str) -> list[int]:
    """Process ids of the workers that began the song ``title``."""
    return [int(path.name.rsplit("-", 1)[1]) for path in tests.glob(f"pid-{title}-*")]


@pytest.mark.parametrize("whole_machine", [False, True])
def test_a_song_of_a_worker_killed_9_is_taken_up_again_within_10_seconds(
    gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path, *, whole_machine: bool
) -> None:
    submit(queues, request_, job_id="a", formats=["mid"])
    with worker_process(gated, tmp_path) as first:
        wait_for(lambda: begun(tmp_path, "x"))
        with worker_process(gated, tmp_path) as second:
            wait_for(lambda: queues.stats.worker_count() == 2)
            for companion in psutil.Process(first.pid).children() if whole_machine else ():
                companion.kill()  # nobody is left to say that the worker has ended
            first.kill()
            killed = time.monotonic()
            wait_for(lambda: second.pid in begun(tmp_path, "x"))
            assert time.monotonic() - killed < 10
            (tmp_path / "open").touch()
            assert wait_for(lambda: finished(queues, "a")).status == "done"
    assert queues.stats.read().failures == {"WorkerLost": 1}


def test_a_long_song_of_a_living_worker_is_left_alone(
    gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    short = gated.model_copy(update={"heartbeat_seconds": 0.2, "heartbeat_ttl_seconds": 2})
    submit(queues, request_, job_id="a", formats=["mid"])
    with worker_process(short, tmp_path), worker_process(short, tmp_path):
        wait_for(lambda: begun(tmp_path, "x"))
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() - begin > 5)  # more than twice the time to live
        (tmp_path / "open").touch()
        wait_for(lambda: finished(queues, "a"))
    assert len(begun(tmp_path, "x")) == 1


def test_a_song_that_holds_pythons_lock_for_longer_than_the_time_to_live_is_left_alone(
    settings: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    short = {"heartbeat_seconds": 0.2, "heartbeat_ttl_seconds": 2, "performer": "tests.worker.performers.greedy"}
    submit(queues, request_, job_id="a", formats=["mid"])
    with worker_process(settings.model_copy(update=short), tmp_path), worker_process(settings, tmp_path):
        assert wait_for(lambda: finished(queues, "a"), 30).status == "done"
    assert queues.stats.read().failures == {}
    assert queues.stats.read().outcomes == {"done": 1}


def test_a_worker_starts_its_companion_again(
    settings: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    with worker_process(settings, tmp_path) as worker:
        wait_for(lambda: queues.stats.worker_count() == 1)
        companion = psutil.Process(worker.pid).children()[0]
        companion.kill()
        wait_for(lambda: companion.status() == psutil.STATUS_ZOMBIE)
        submit(queues, request_, job_id="a", formats=["mid"])
        assert wait_for(lambda: finished(queues, "a")).status == "done"
        wait_for(lambda: [c for c in psutil.Process(worker.pid).children() if c != companion])


def test_a_job_taken_but_not_begun_goes_back(
    settings: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    submit(queues, request_, job_id="a", formats=["mid"])
    queues.connection.lmove("rq:queue:compose", "rq:queue:compose:intermediate", "LEFT", "RIGHT")
    with worker_process(settings, tmp_path):
        assert wait_for(lambda: finished(queues, "a")).status == "done"
    assert queues.connection.llen("rq:queue:compose:intermediate") == 0


def test_a_stopping_worker_finishes_its_song(
    gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    submit(queues, request_, job_id="a", formats=["mid"])
    submit(queues, request_, job_id="b", formats=["mid"])
    with worker_process(gated, tmp_path) as worker:
        wait_for(lambda: begun(tmp_path, "x"))
        worker.terminate()
        (tmp_path / "open").touch()
        assert worker.wait(20) == 0
    assert fetch_state(queues, "a").status == "done"
    assert fetch_state(queues, "b").status == "queued"


def test_a_worker_that_may_not_wait_hands_its_song_back(
    gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    submit(queues, request_, job_id="a", formats=["mid"])
    with worker_process(gated.model_copy(update={"stop_grace_seconds": 0}), tmp_path) as worker:
        wait_for(lambda: begun(tmp_path, "x"))
        worker.terminate()
        worker.wait(20)
    assert fetch_state(queues, "a").status == "queued"
    (tmp_path / "open").touch()
    with worker_process(gated, tmp_path):
        assert wait_for(lambda: finished(queues, "a")).status == "done"


def test_a_song_that_takes_too_long_is_given_up(
    gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    hasty = Queues(queues.connection, gated.model_copy(update={"job_timeout_seconds": 1, "retry_delays_seconds": ()}))
    submit(hasty, request_, job_id="a", formats=["mid"])
    with worker_process(hasty.settings, tmp_path):
        assert wait_for(lambda: finished(queues, "a")).status == "failed"
    assert queues.stats.read().failures == {"JobTimeoutException": 1}


def test_two_workers_share_a_queue(gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path) -> None:
    for name in ("a", "b"):
        submit(queues, request_.model_copy(update={"title": name}), job_id=name, formats=["mid"])
    with worker_process(gated, tmp_path), worker_process(gated, tmp_path):
        wait_for(lambda: begun(tmp_path, "a") and begun(tmp_path, "b"))
        assert begun(tmp_path, "a") != begun(tmp_path, "b")
        (tmp_path / "open").touch()
        wait_for(lambda: finished(queues, "a") and finished(queues, "b"))


def test_a_supervisor_keeps_its_workers_alive_and_takes_them_with_it(
    settings: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    two = settings.model_copy(update={"processes": 2})
    with worker_process(two, tmp_path, sys.executable, "-c", SUPERVISE) as supervisor:
        wait_for(lambda: queues.stats.worker_count() == 2)
        children = psutil.Process(supervisor.pid).children()
        children[0].kill()
        wait_for(
            lambda: len({c.pid for c in psutil.Process(supervisor.pid).children()} - {c.pid for c in children}) == 1
        )
        submit(queues, request_, job_id="a", formats=["mid"])
        assert wait_for(lambda: finished(queues, "a")).status == "done"
        children = psutil.Process(supervisor.pid).children()
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(20) == 0
    assert not any(child.is_running() for child in children)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux")
def test_workers_end_when_their_supervisor_is_killed(settings: Settings, queues: Queues, tmp_path: Path) -> None:
    with worker_process(settings, tmp_path, sys.executable, "-c", SUPERVISE) as supervisor:
        wait_for(lambda: queues.stats.worker_count() == 1)
        children = psutil.Process(supervisor.pid).children()
        assert children
        supervisor.kill()
        wait_for(lambda: not any(child.is_running() for child in children))


def test_a_worker_lives_through_a_server_that_restarts(
    settings: Settings, tmp_path: Path, request_: ComposeRequest
) -> None:
    from worker.client import connect
    from worker.embedded import EmbeddedServer

    with EmbeddedServer(tmp_path / "redis") as url:
        own = Settings(**{**settings.model_dump(), "redis_url": url})
        queues = connect(own)
        with worker_process(own, tmp_path) as worker:
            wait_for(lambda: queues.stats.worker_count() == 1)
            queues.connection.shutdown(save=False)
            wait_for(lambda: not Path(url.removeprefix("unix://")).exists())
            restart = subprocess.Popen(EmbeddedServer(tmp_path / "redis")._command(), stdout=subprocess.DEVNULL)
            wait_for(lambda: Path(url.removeprefix("unix://")).exists())
            submit(queues, request_, job_id="a", formats=["mid"])
            assert wait_for(lambda: finished(queues, "a")).status == "done"
            assert worker.poll() is None
        restart.terminate()
        restart.wait(10)
