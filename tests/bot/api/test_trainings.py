"""Trainings over HTTP: who may, what is taken in, what comes of it. A real queue, worker and (tiny) network."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from composer.model.checkpoint import load_checkpoint
from tests.bot.service import MakeClient, Service
from tests.songs import midi_folder
from tests.waiting import wait_for
from tests.worker.conftest import worker_process
from tests.worker.trainings import archive_of, tiny_recipe
from worker.client import TRAIN_QUEUE, Queues

pytest.importorskip("torch", reason="training needs the train extra")

KEY = "a-key-of-some-length"
BEARER = {"Authorization": f"Bearer {KEY}"}
UPLOAD_LIMIT = 64 * 1024
SETTLED_SECONDS = 400.0
"""A training loads torch in two processes, which takes minutes on a busy machine."""


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """The folder that trainings may name, with something to learn from in it, and something beside it."""
    midi_folder(tmp_path / "allowed" / "ska", count=4)
    midi_folder(tmp_path / "private", count=4)
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "private")
    return tmp_path / "allowed"


@pytest.fixture
def client(service_client_with: MakeClient, collections: Path) -> TestClient:
    made = service_client_with(train_api_key=KEY, train_folder=collections, train_upload_limit_bytes=UPLOAD_LIMIT)
    made.headers.update(BEARER)
    return made


@pytest.fixture
def at_work(service_band: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker of trainings, as a process of its own."""
    monkeypatch.setenv("RIFFBIRD_GENRES_DIR", str(tmp_path / "genres"))
    how = {"train_recipe": tiny_recipe(tmp_path), "train_device": "cpu"}
    settings = service_band.queues.settings.model_copy(update=how)
    with worker_process(settings, tmp_path, sys.executable, "-m", "worker", TRAIN_QUEUE):
        yield


def settled(client: TestClient, url: str) -> dict:
    pending = {"queued", "preparing", "training"}
    return wait_for(lambda: (state := client.get(url).json())["status"] not in pending and state, SETTLED_SECONDS)


def test_trainings_are_off_unless_there_is_a_key(service_client: TestClient) -> None:
    for answer in (
        service_client.post("/trainings", json={"genre": "ska"}, headers=BEARER),
        service_client.get("/trainings/a", headers=BEARER),
        service_client.delete("/trainings/a", headers=BEARER),
        service_client.get("/trainings/a/events", headers=BEARER),
        service_client.get("/trainings/a/checkpoint", headers=BEARER),
    ):
        assert answer.status_code == 404
        assert "the operator has set no key" in answer.json()["detail"]


@pytest.mark.parametrize("said", [None, "Bearer wrong", f"Bearer {KEY}x", f"Basic {KEY}", "Bearer kéy"])
def test_who_does_not_know_the_key_is_turned_away(client: TestClient, said: str | None) -> None:
    del client.headers["Authorization"]
    headers = {} if said is None else {"Authorization": said.encode()}
    answer = client.post("/trainings", json={"genre": "ska", "midi": "ska"}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/trainings/a", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("wanted", "rule"),
    [
        ({"genre": "Ska Punk!", "midi": "ska"}, "genre"),
        ({"midi": "ska"}, "genre"),
        ({"genre": "ska"}, "midi"),
        ({"genre": "ska", "midi": "../private"}, "no such folder or archive in the trainings' folder: '../private'"),
        ({"genre": "ska", "midi": "link"}, "no such folder"),
        ({"genre": "ska", "midi": "/etc/passwd"}, "no such folder"),
        ({"genre": "ska", "midi": "nothing"}, "no such folder"),
        ({"genre": "ska", "midi": "ska\0"}, "no such folder"),
        ({"genre": "ska", "midi": "ska", "minutes": 100000}, "minutes: at most 600"),
        ({"genre": "ska", "midi": "ska", "minutes": -1}, "minutes"),
        ({"genre": "ska", "midi": "ska", "updates": 10**6}, "updates: at most 100000"),
        ({"genre": "ska", "midi": "ska", "minutes": 1, "updates": 1}, "not both"),
        ({"genre": "ska", "midi": "ska", "seed": -1}, "seed"),
        ({"genre": "ska", "midi": "ska", "out": "/etc"}, "out"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_rule(
    client: TestClient, service_band: Service, wanted: dict[str, object], rule: str
) -> None:
    answer = client.post("/trainings", json=wanted)
    assert answer.status_code == 422
    assert rule in answer.json()["detail"]
    assert service_band.queues.depth(TRAIN_QUEUE) == 0


def test_no_place_on_the_server_may_be_named_unless_a_folder_is_set(service_client_with: MakeClient) -> None:
    client = service_client_with(train_api_key=KEY)
    answer = client.post("/trainings", json={"genre": "ska", "midi": "ska"}, headers=BEARER)
    assert (answer.status_code, "no folder on this server" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_is_too_long_is_refused_and_leaves_nothing(
    client: TestClient, service_band: Service, *, chunked: bool
) -> None:
    body = iter([b"x" * 20_000] * 5) if chunked else b"x" * 100_000
    answer = client.post("/trainings?genre=ska", content=body, headers={"Content-Type": "application/zip"})
    assert answer.status_code == 413
    assert f"at most {UPLOAD_LIMIT} bytes" in answer.json()["detail"]
    _nothing_is_left(service_band.queues)


def test_an_upload_that_is_no_archive_is_refused_and_leaves_nothing(client: TestClient, service_band: Service) -> None:
    answer = client.post("/trainings?genre=ska", content=b"MThd...", headers={"Content-Type": "application/zip"})
    assert (answer.status_code, "a zip or a tar" in answer.json()["detail"]) == (422, True)
    _nothing_is_left(service_band.queues)


def test_an_upload_when_the_queue_is_full_is_turned_away(
    service_client_with: MakeClient, service_band: Service, tmp_path: Path
) -> None:
    client = service_client_with(train_api_key=KEY, train_queue_limit=1)
    body = archive_of(tmp_path)
    answers = [client.post("/trainings?genre=ska", content=body, headers=BEARER) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 503]
    assert "at most 1 trainings wait" in answers[1].json()["detail"]
    assert int(answers[1].headers["retry-after"]) > 0
    media = service_band.queues.media
    assert media.size(answers[0].json()["id"], "corpus.tar") == len(body)


def test_a_repeated_request_with_a_key_is_one_training(client: TestClient, service_band: Service) -> None:
    asked = {"json": {"genre": "ska", "midi": "ska"}, "headers": {"Idempotency-Key": "once"}}
    first, second = client.post("/trainings", **asked).json(), client.post("/trainings", **asked).json()
    assert first == second
    assert service_band.queues.depth(TRAIN_QUEUE) == 1
    other = client.post("/trainings", **asked | {"json": {"genre": "ska", "midi": "ska", "updates": 7}})
    assert (other.status_code, other.json()["detail"].split(":")[0]) == (422, "Idempotency-Key")
    assert service_band.queues.depth(TRAIN_QUEUE) == 1


def test_a_key_used_for_another_archive_is_refused(client: TestClient, service_band: Service, tmp_path: Path) -> None:
    body, once = archive_of(tmp_path), {"Idempotency-Key": "once"}
    answers = [
        client.post(f"/trainings?genre={genre}", content=content, headers=once)
        for genre, content in (("ska", body), ("ska", body), ("ska", body + b"\0"), ("polka", body))
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 422, 422]
    assert answers[0].json() == answers[1].json()
    assert service_band.queues.media.size(answers[0].json()["id"], "corpus.tar") == len(body)
    assert service_band.queues.depth(TRAIN_QUEUE) == 1


@pytest.mark.usefixtures("at_work")
def test_a_training_from_an_upload_to_its_checkpoint(client: TestClient, tmp_path: Path) -> None:
    accepted = client.post("/trainings?genre=ska&updates=6&seed=3", content=archive_of(tmp_path))
    assert accepted.status_code == 202
    url = accepted.json()["status_url"]
    assert accepted.headers["location"] == url
    assert settled(client, url)["status"] == "done"
    state = client.get(url).json()
    assert (state["progress"], state["update"], state["updates"]) == (1.0, 6, 6)
    assert state["curve"][-1]["valid"] == pytest.approx(state["valid"]["ska"], abs=1e-3)
    (tmp_path / "it").write_bytes(client.get(state["checkpoint_url"]).content)
    assert load_checkpoint(tmp_path / "it").header.genres == ("ska",)
    assert client.get(state["checkpoint_url"], headers={"Authorization": ""}).status_code == 401
    assert client.delete(url).json() == state


@pytest.mark.usefixtures("at_work")
def test_a_training_is_followed_live_and_cancelled(client: TestClient) -> None:
    accepted = client.post("/trainings", json={"genre": "ska", "midi": "ska", "updates": 50_000}).json()
    url = accepted["status_url"]
    wait_for(lambda: client.get(url).json()["update"] > 20, SETTLED_SECONDS)
    state = client.get(url).json()
    assert state["status"] == "training"
    assert 0 < state["progress"] < 0.5
    assert state["seconds_left"] > 0
    assert client.get(f"{url}/checkpoint").status_code == 404
    assert client.delete(url).status_code == 200
    events = _events(client, accepted["events_url"])
    assert events[-1]["status"] == "cancelled"
    assert events[-1]["update"] >= state["update"]
    assert settled(client, url)["status"] == "cancelled"


def _events(client: TestClient, url: str) -> list[dict]:
    with client.stream("GET", url) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")]


def test_events_end_when_a_training_has_ended(client: TestClient) -> None:
    accepted = client.post("/trainings", json={"genre": "ska", "midi": "ska"}).json()
    assert client.get(accepted["status_url"]).json()["status"] == "queued"
    client.delete(accepted["status_url"])
    [event] = _events(client, accepted["events_url"])
    assert event["status"] == "cancelled"


def test_the_key_is_compared_without_telling_how_much_was_right(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    import secrets

    seen: list[tuple[bytes, bytes]] = []
    compare: Callable[[bytes, bytes], bool] = secrets.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        seen.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(secrets, "compare_digest", spy)
    assert client.get("/trainings/a").status_code == 404
    assert (KEY.encode(), KEY.encode()) in seen


def test_unknown_trainings_are_404(client: TestClient) -> None:
    for answer in (client.get("/trainings/a"), client.delete("/trainings/a"), client.get("/trainings/a/events")):
        assert answer.status_code == 404
        assert "no such training" in answer.json()["detail"]


def _nothing_is_left(queues: Queues) -> None:
    assert queues.depth(TRAIN_QUEUE) == 0
    settings = queues.settings
    left = [p for folder in (settings.scratch_dir, Path(settings.media_location)) for p in folder.rglob("*")]
    assert left == []
