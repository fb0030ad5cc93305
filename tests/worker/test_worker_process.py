import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from composer.request import ComposeRequest
from tests.waiting import DEADLINE_SECONDS, has_ended, wait_for
from tests.worker.conftest import finished, worker_process
from worker.client import QUEUE_UNAVAILABLE, Queues, connect, fetch_state, submit
from worker.embedded import EmbeddedServer
from worker.maintenance import rescue
from worker.settings import Settings
from worker.storage.stats import COMPOSE_WORKERS
from worker.worker_process import START_LEASE_SECONDS, WarmWorker

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
            wait_for(lambda: 0 < queues.connection.pttl("riffbird:lease:a") <= 1000 * gated.heartbeat_ttl_seconds)
            if whole_machine:
                os.kill(first.pid, signal.SIGSTOP)  # or it would start its heartbeat process again
                for child in psutil.Process(first.pid).children():
                    child.kill()  # no process is left to report that the worker has ended
            first.kill()
            killed = time.monotonic()
            wait_for(lambda: second.pid in begun(tmp_path, "x"))
            assert time.monotonic() - killed < 10
            (tmp_path / "open").touch()
            assert wait_for(lambda: finished(queues, "a")).status == "done"
    assert queues.stats.read().failures == {"WorkerLost": 1}


def test_a_song_of_a_dead_worker_is_looked_for_within_10_seconds() -> None:
    """A heartbeat's lease ends, the lock of a dead rescuer too, and a round begins."""
    usual = Settings()
    assert usual.heartbeat_ttl_seconds + rescue.ROUND_SECONDS < 10
    assert usual.heartbeat_seconds < usual.heartbeat_ttl_seconds / 3


def test_a_long_song_of_a_living_worker_is_left_alone(
    gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    short = gated.model_copy(update={"heartbeat_seconds": 0.2, "heartbeat_ttl_seconds": 4})
    submit(queues, request_, job_id="a", formats=["mid"])
    with worker_process(short, tmp_path), worker_process(short, tmp_path):
        wait_for(lambda: begun(tmp_path, "x"))
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() - begin > 6)  # longer than the time to live
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


def heartbeat_processes(worker: subprocess.Popen) -> list[psutil.Process]:
    return [child for child in psutil.Process(worker.pid).children() if not has_ended(child)]


def test_a_heartbeat_process_that_dies_beside_an_idle_worker_is_started_again(
    settings: Settings, queues: Queues, tmp_path: Path
) -> None:
    with worker_process(settings, tmp_path) as worker:
        wait_for(lambda: queues.stats.worker_count() == 1)
        [first] = heartbeat_processes(worker)
        first.kill()
        wait_for(lambda: [each.pid for each in heartbeat_processes(worker)] not in ([], [first.pid]))
        queues.connection.delete(COMPOSE_WORKERS)
        assert wait_for(lambda: queues.stats.worker_count() == 1)  # the new one sends heartbeats


def test_a_job_in_hand_is_kept_until_a_heartbeat_process_has_started(queues: Queues, request_: ComposeRequest) -> None:
    """As it starts, and again when it has died: a loaded machine takes seconds to start another."""
    submit(queues, request_, job_id="a", formats=["mid"])
    worker = WarmWorker(queues)
    job, _ = worker.queue_class.dequeue_any(
        worker.queues, None, connection=queues.connection, job_class=worker.job_class, serializer="json"
    )
    execution = worker.prepare_execution(job)
    assert queues.connection.pttl("riffbird:lease:a") > 1000 * (START_LEASE_SECONDS - 5)
    queues.connection.pexpire("riffbird:lease:a", 6000)
    worker.keep_lease()
    assert queues.connection.pttl("riffbird:lease:a") > 1000 * (START_LEASE_SECONDS - 5)
    queues.connection.zrem(queues.compose_queue.started_job_registry.key, execution.composite_key)
    queues.connection.delete("riffbird:lease:a")
    worker.keep_lease()
    assert not queues.connection.exists("riffbird:lease:a")  # it was rescued meanwhile


def test_a_heartbeat_process_that_dies_beside_a_busy_worker_costs_the_worker_no_job(
    gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    submit(queues, request_, job_id="a", formats=["mid"])
    with worker_process(gated, tmp_path) as worker, worker_process(gated, tmp_path) as other:
        wait_for(lambda: begun(tmp_path, "x"))
        busy = worker if worker.pid in begun(tmp_path, "x") else other
        [first] = heartbeat_processes(busy)
        first.kill()
        wait_for(lambda: [each.pid for each in heartbeat_processes(busy)] not in ([], [first.pid]))
        queues.connection.pexpire("riffbird:lease:a", 3_600_000)
        wait_for(lambda: 0 < queues.connection.pttl("riffbird:lease:a") < 60_000)  # the new one renews it
        (tmp_path / "open").touch()
        wait_for(lambda: finished(queues, "a"))
    assert len(begun(tmp_path, "x")) == 1


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
        assert worker.wait(DEADLINE_SECONDS) == 0
    assert fetch_state(queues, "a").status == "done"
    assert fetch_state(queues, "b").status == "queued"


def test_a_worker_that_may_not_wait_hands_its_song_back(
    gated: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path
) -> None:
    submit(queues, request_, job_id="a", formats=["mid"])
    with worker_process(gated.model_copy(update={"stop_grace_seconds": 0}), tmp_path) as worker:
        wait_for(lambda: begun(tmp_path, "x"))
        worker.terminate()
        worker.wait(DEADLINE_SECONDS)
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
        assert supervisor.wait(DEADLINE_SECONDS) == 0
    wait_for(lambda: all(has_ended(child) for child in children))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux")
def test_workers_end_when_their_supervisor_is_killed(settings: Settings, queues: Queues, tmp_path: Path) -> None:
    with worker_process(settings, tmp_path, sys.executable, "-c", SUPERVISE) as supervisor:
        wait_for(lambda: queues.stats.worker_count() == 1)
        children = psutil.Process(supervisor.pid).children()
        assert children
        supervisor.kill()
        wait_for(lambda: all(has_ended(child) for child in children))


def test_a_server_that_dies_is_started_again_and_the_worker_goes_on(
    settings: Settings, tmp_path: Path, request_: ComposeRequest
) -> None:
    with EmbeddedServer(tmp_path / "redis") as url:
        own = Settings(**{**settings.model_dump(), "redis_url": url})
        queues = connect(own)
        with worker_process(own, tmp_path) as worker:
            wait_for(lambda: queues.stats.worker_count() == 1)
            os.kill(int(queues.connection.info("server")["process_id"]), signal.SIGKILL)
            wait_for(lambda: _submitted(queues, request_))
            assert wait_for(lambda: finished(queues, "a")).status == "done"
            assert worker.poll() is None


def _submitted(queues: Queues, request: ComposeRequest) -> bool:
    try:
        submit(queues, request, job_id="a", formats=["mid"])
    except QUEUE_UNAVAILABLE:
        return False
    return True
