import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from composer.request import ComposeRequest
from tests.worker.conftest import ROOT
from worker.client import (
    COMPOSE_QUEUE,
    QUEUE_UNAVAILABLE,
    JobIdError,
    QueueFullError,
    Queues,
    Submission,
    connect,
    fetch_state,
    submit,
)
from worker.embedded import EmbeddedServer
from worker.settings import Settings


def hand_in(queues: Queues, request: ComposeRequest, job_id: str) -> Submission:
    return submit(queues, request, job_id=job_id, formats=["mid"], text="x /compose")


def test_a_request_waits_at_its_position(queues: Queues, request_: ComposeRequest) -> None:
    assert hand_in(queues, request_, "a").position == 1
    second = hand_in(queues, request_, "b")
    assert (second.position, second.created) == (2, True)
    assert second.eta_seconds > 0
    state = fetch_state(queues, "b")
    assert (state.status, state.position, state.text) == ("queued", 2, "x /compose")


def test_the_same_id_again_is_the_first_submission(queues: Queues, request_: ComposeRequest) -> None:
    hand_in(queues, request_, "a")
    again = hand_in(queues, request_, "a")
    assert (again.created, again.position) == (False, 1)
    assert queues.depth(COMPOSE_QUEUE) == 1


def test_the_queue_limit_holds_against_many_at_once(settings: Settings, request_: ComposeRequest) -> None:
    queues = connect(settings.model_copy(update={"queue_limit": 10}))
    queues.connection.flushall()

    refusals: list[QueueFullError] = []

    def try_one(number: int) -> bool:
        try:
            return hand_in(queues, request_, f"song-{number}").created
        except QueueFullError as full:
            refusals.append(full)
            return False

    with ThreadPoolExecutor(16) as pool:
        accepted = sum(pool.map(try_one, range(50)))
    assert accepted == queues.depth(COMPOSE_QUEUE) == 10
    assert all(full.limit == 10 and full.retry_after_seconds >= 1 for full in refusals)


def test_a_seed_is_drawn_from_the_id_and_a_given_one_is_kept(queues: Queues, request_: ComposeRequest) -> None:
    hand_in(queues, request_, "a")
    hand_in(queues, request_.model_copy(update={"seed": 7}), "b")
    assert 0 <= fetch_state(queues, "a").request.seed < 2**32
    assert fetch_state(queues, "b").request.seed == 7


@pytest.mark.parametrize("job_id", ["", "a:b", "a b", "../x", "ä", "x" * 129])
def test_an_id_outside_the_alphabet_is_refused(queues: Queues, request_: ComposeRequest, job_id: str) -> None:
    with pytest.raises(JobIdError, match="a job id is 1-128 letters"):
        hand_in(queues, request_, job_id)
    assert fetch_state(queues, job_id) is None


def test_nothing_is_known_of_an_id_never_handed_in(queues: Queues) -> None:
    assert fetch_state(queues, "nobody") is None


def test_the_queue_holds_json_and_no_pickle(queues: Queues, request_: ComposeRequest) -> None:
    hand_in(queues, request_, "a")
    stored = queues.connection.hgetall("rq:job:a")
    import json
    import zlib

    assert json.loads(zlib.decompress(stored[b"data"]))[0] == "worker.jobs.compose"


@pytest.mark.parametrize("refusal", ["OOM", "MISCONF"])
def test_a_server_that_refuses_writes_is_unavailable(
    tmp_path: Path, settings: Settings, request_: ComposeRequest, refusal: str
) -> None:
    with EmbeddedServer(tmp_path) as url:
        queues = connect(Settings(**{**settings.model_dump(), "redis_url": url}))
        queues.check_writable()
        if refusal == "OOM":
            queues.connection.config_set("maxmemory", 1)
        else:
            queues.connection.config_set("min-replicas-to-write", 1)  # NOREPLICAS is refused like MISCONF
        for attempt in (queues.check_writable, lambda: hand_in(queues, request_, "a")):
            with pytest.raises(QUEUE_UNAVAILABLE):
                attempt()


def test_the_server_may_want_a_password_from_a_file(
    tmp_path: Path, request_: ComposeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("hunter2 \n")
    with EmbeddedServer(tmp_path / "redis") as url:
        monkeypatch.setenv("RIFFBIRD_REDIS_PASSWORD_FILE", str(tmp_path / "password"))
        monkeypatch.setenv("RIFFBIRD_REDIS_URL", url)
        locked = Settings()
        assert "hunter2" not in repr(locked)
        Redis.from_url(url).config_set("requirepass", "hunter2")
        queues = connect(locked)
        assert hand_in(queues, request_, "a").created
        queues.connection.config_set("requirepass", "")


def test_a_worker_inherits_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = ("X_ACCESS_TOKEN", "X_CONSUMER_KEY", "MASTODON_ACCESS_TOKEN_FILE")
    for name in (*tokens, "TRAIN_API_KEY", "BLUESKY_APP_PASSWORD"):
        monkeypatch.setenv(f"RIFFBIRD_{name}", "hunter2-hunter2-hunter2")
    environment = Settings(redis_password="to-the-queue").worker_environment()
    assert "hunter2" not in str(environment)
    assert environment["RIFFBIRD_REDIS_PASSWORD"] == "to-the-queue"


def test_a_lost_server_is_told_within_seconds(settings: Settings, request_: ComposeRequest) -> None:
    queues = connect(settings.model_copy(update={"redis_url": Settings(redis_url="redis://127.0.0.1:1/0").redis_url}))
    with pytest.raises(QUEUE_UNAVAILABLE):
        hand_in(queues, request_, "a")


def test_importing_the_queue_loads_nothing_heavy() -> None:
    code = "import sys, worker.client; print([m for m in ('torch', 'numpy', 'fastapi') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_password_in_the_url_shows_nowhere() -> None:
    settings = Settings(redis_url="redis://user:hunter2@127.0.0.1/0")
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)
    assert settings.environment()["RIFFBIRD_REDIS_URL"] == "redis://user:hunter2@127.0.0.1/0"


def test_settings_survive_the_way_into_another_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, queues: Queues
) -> None:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
    assert isinstance(queues.connection, Redis)
