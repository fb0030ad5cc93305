import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis.exceptions import LockError

from composer.request import ComposeRequest
from tests.waiting import wait_for
from tests.worker.conftest import ROOT, finished, worker_process
from worker.client import DeadLetters, Queues, fetch_state, submit
from worker.maintenance.periodic import PeriodicThread
from worker.maintenance.rescue import MAX_RESCUES, RescueThread
from worker.settings import Settings
from worker.worker_process import WarmWorker


class Round(PeriodicThread):
    def __init__(self, queues: Queues, lock_seconds: float = 10.0) -> None:
        super().__init__(queues, "test", 1.0, lock_seconds)
        self.rounds = 0

    def run_round(self) -> None:
        self.rounds += 1


def test_one_of_two_threads_holds_the_lock(queues: Queues) -> None:
    one, other = Round(queues), Round(queues)
    assert one.lock.acquire()
    other.round()
    assert other.rounds == 0
    one.lock.release()
    other.round()
    assert other.rounds == 1


def test_a_round_that_outlives_its_lock_leaves_the_next_holders_lock_alone(queues: Queues) -> None:
    slow, other = Round(queues, 0.05), Round(queues)
    assert slow.lock.acquire()
    wait_for(other.lock.acquire)
    slow._release()
    assert other.lock.owned()
    with pytest.raises(LockError):
        slow.extend_lock()


def abandon(queues: Queues, request: ComposeRequest, job_id: str) -> None:
    """A job whose worker was killed while it performed it."""
    submit(queues, request, job_id=job_id, formats=["mid"])
    start_and_die(queues)


def start_and_die(queues: Queues) -> None:
    worker = WarmWorker(queues)
    job, queue = worker.queue_class.dequeue_any(
        worker.queues, None, connection=queues.connection, job_class=worker.job_class, serializer="json"
    )
    worker.prepare_execution(job)
    worker.prepare_job_execution(job, remove_from_intermediate_queue=True)
    queues.connection.delete(f"riffbird:lease:{job.id}")
    assert queue.name == "compose"


@pytest.fixture
def rescue(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> RescueThread:
    thread = RescueThread(queues)
    monkeypatch.setattr(thread, "_workers_had_time", lambda: True)
    return thread


def test_an_abandoned_job_is_queued_again_at_the_front(
    queues: Queues, request_: ComposeRequest, rescue: RescueThread
) -> None:
    abandon(queues, request_, "a")
    submit(queues, request_, job_id="b", formats=["mid"])
    rescue.round()
    assert queues.compose_queue.get_job_ids() == ["a", "b"]
    rescue.round()
    assert queues.compose_queue.get_job_ids() == ["a", "b"]


def test_a_job_with_a_lease_is_left_alone(queues: Queues, request_: ComposeRequest, rescue: RescueThread) -> None:
    abandon(queues, request_, "a")
    queues.connection.set("riffbird:lease:a", "somebody", ex=60)
    rescue.round()
    assert queues.compose_queue.get_job_ids() == []


def test_a_job_that_kills_its_workers_is_given_up_and_kept(
    queues: Queues, request_: ComposeRequest, rescue: RescueThread
) -> None:
    abandon(queues, request_, "a")
    for _ in range(MAX_RESCUES):
        rescue.round()
        start_and_die(queues)
    rescue.round()
    assert fetch_state(queues, "a").status == "failed"
    assert queues.stats.read().outcomes == {"failed": 1}
    [letter] = DeadLetters(queues.connection, "jobs").all()
    assert "died" in letter.error


def test_leases_are_renewed_before_anything_is_rescued_after_a_restart_of_the_server(
    queues: Queues, request_: ComposeRequest
) -> None:
    longer_than_the_server_is_up = queues.settings.model_copy(update={"heartbeat_ttl_seconds": 10**6})
    thread = RescueThread(Queues(queues.connection, longer_than_the_server_is_up))
    abandon(queues, request_, "a")
    thread.round()
    assert queues.compose_queue.get_job_ids() == []


@pytest.mark.parametrize("days", [-1, 1])
def test_a_worker_whose_clock_is_a_day_off_takes_no_job_of_others_and_deletes_no_song(
    settings: Settings, queues: Queues, request_: ComposeRequest, tmp_path: Path, days: int
) -> None:
    gated = settings.model_copy(update={"performer": "tests.worker.performers.gated"})
    for name in "abc":
        submit(queues, request_.model_copy(update={"title": name}), job_id=name, formats=["mid"])
    environment = os.environ | gated.environment() | {"TEST_FOLDER": str(tmp_path), "CLOCK_DAYS": str(days)}
    script = [sys.executable, "-c", "import tests.worker.wrong_clock"]
    with (
        worker_process(gated, tmp_path),
        subprocess.Popen(script, env=environment | {"PYTHONPATH": str(ROOT)}, cwd=ROOT) as off,
    ):
        try:
            wait_for(lambda: queues.stats.worker_count() == 2)
            wait_for(lambda: len(list(tmp_path.glob("pid-*"))) == 2)
            (tmp_path / "open").touch()
            for name in "abc":
                assert wait_for(lambda name=name: finished(queues, name)).status == "done"
        finally:
            off.terminate()
    assert len(list(tmp_path.glob("pid-*"))) == 3  # each was begun once
    assert queues.stats.read().failures == {}
