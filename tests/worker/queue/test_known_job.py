import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from rq.job import Job

from composer.request import ComposeRequest
from worker.client import DeadLetters, Queues, fetch_state, submit
from worker.worker_process import WarmWorker


def work(queues: Queues) -> None:
    WarmWorker(queues).work(burst=True, logging_level=None)


def forge(queues: Queues, request: ComposeRequest, **fields: object) -> None:
    """A job whose fields a writer to Redis has changed."""
    submit(queues, request, job_id="a", formats=["mid"])
    queues.connection.hset(Job.key_for("a"), mapping=fields)


def data(function: str, instance: object = None) -> bytes:
    return zlib.compress(json.dumps([function, instance, [], {}]).encode())


FOREIGN = ["os.getpid", "builtins.print", "tests.worker.performers.buggy", "subprocess.call"]


@pytest.mark.parametrize("function", FOREIGN)
def test_a_function_outside_the_fixed_set_is_not_called(
    queues: Queues, request_: ComposeRequest, function: str
) -> None:
    forge(queues, request_, data=data(function))
    work(queues)
    assert fetch_state(queues, "a").status == "failed"
    [letter] = DeadLetters(queues.connection, "jobs").all()
    assert "UnknownFunctionError" in letter.error
    assert function in letter.error


def test_callbacks_and_webhooks_of_a_job_are_not_called(
    queues: Queues, request_: ComposeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_FOLDER", str(tmp_path))
    callback = "tests.worker.performers.callback"
    names = ("success_callback_name", "failure_callback_name", "stopped_callback_name")
    forge(queues, request_, **dict.fromkeys(names, callback))
    work(queues)
    assert fetch_state(queues, "a").status == "done"
    assert not list(tmp_path.glob("called"))


def test_a_payload_of_another_version_fails_once_and_is_kept(queues: Queues, request_: ComposeRequest) -> None:
    forged = zlib.compress(json.dumps(["worker.jobs.compose", None, [], {"payload": {"song": 1}}]).encode())
    forge(queues, request_, data=forged)
    work(queues)
    state = fetch_state(queues, "a")
    assert (state.status, state.request) == ("failed", None)
    [letter] = DeadLetters(queues.connection, "jobs").all()
    assert letter.item["job_id"] == "a"


def test_data_that_is_no_json_fails_once_and_is_kept(queues: Queues, request_: ComposeRequest) -> None:
    forge(queues, request_, data=b"\x80\x04}")
    work(queues)
    assert fetch_state(queues, "a").status == "failed"
    assert [letter.kind for letter in DeadLetters(queues.connection, "jobs").all()] == ["unreadable"]


def test_fields_of_a_later_version_are_ignored(queues: Queues, request_: ComposeRequest) -> None:
    request = request_.model_copy(update={"seed": 1})
    payload = {"request": request.model_dump(mode="json"), "formats": ["mid"], "mood": "blue"}
    data = json.dumps(["worker.jobs.compose", None, [], {"payload": payload}]).encode()
    forge(queues, request_, data=zlib.compress(data))
    work(queues)
    assert fetch_state(queues, "a").status == "done"


def test_a_dead_job_that_is_requeued_runs_once_more(
    queues: Queues, request_: ComposeRequest, with_performer: Callable[[str], Queues]
) -> None:
    from worker.queue.dead_jobs import requeue_dead_jobs

    submit(queues, request_, job_id="a", formats=["mid"])
    work(with_performer("buggy"))
    letters = DeadLetters(queues.connection, "jobs")
    [letter] = letters.all()
    assert letters.requeue(letter.id)
    requeue_dead_jobs(queues)
    work(queues)
    assert fetch_state(queues, "a").status == "done"
    assert not letters.all()
