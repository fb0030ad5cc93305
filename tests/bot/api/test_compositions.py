import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from bot.api.http.limits import client_hash
from bot.api.routes.events import OPEN_STREAMS
from midi_data.io.midi_writer import midi_bytes
from midi_data.song import Note, Song, Track
from tests.bot.service import MakeClient, Service
from worker import jobs


def ask(client: TestClient, body: dict | None = None, **headers: str):  # noqa: ANN201
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/compositions", json=body or {"text": "Robots /compose /g metal /t 160"}, headers=named)


def test_a_tweet_is_accepted_with_its_place_in_the_queue(service_client: TestClient) -> None:
    answer = ask(service_client)
    assert answer.status_code == 202
    body = answer.json()
    assert body["position"] == 1
    assert body["status_url"] == answer.headers["location"] == f"/compositions/{body['id']}"
    state = service_client.get(body["status_url"]).json()
    assert (state["status"], state["progress"], state["position"]) == ("queued", 0.0, 1)
    assert state["text"] == "Robots /compose /g metal /t 160"


def test_fields_ask_for_the_same_as_words(service_client: TestClient) -> None:
    fields = {"title": "Robots", "genre": "metal", "tempo": 160, "seed": 7}
    commands = [
        service_client.get(ask(service_client, body).json()["status_url"]).json()["command"]
        for body in ({"text": "Robots /compose /g metal /t 160 /s 7"}, fields)
    ]
    assert commands == ["Robots /compose /g heavy-metal /t 160 /s 7"] * 2


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"text": "x /compose /t fast"}, "Tempo is a number from 40 to 300"),
        ({"genre": "polka-dots"}, "polka"),
        ({"seed": -1}, "seed"),
        ({"text": "/help"}, "/compose"),
        ({"text": 5}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"formats": ["flac"]}, "formats"),
        ([], "an object"),
    ],
)
def test_what_cannot_be_met_is_told_in_one_line(service_client: TestClient, body: object, rule: str) -> None:
    answer = service_client.post("/compositions", json=body)
    assert answer.status_code == 422
    assert rule in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


def test_what_was_clamped_is_noticed(service_client: TestClient) -> None:
    assert "300" in ask(service_client, {"text": "x /compose /t 999"}).json()["notices"][0]


def test_a_repeated_key_gets_the_first_answer_and_makes_one_song(
    service_client: TestClient, service_band: Service
) -> None:
    first = ask(service_client, idempotency_key="k-1")
    ask(service_client)
    again = ask(service_client, idempotency_key="k-1")
    assert (again.status_code, again.json()) == (202, first.json())
    assert ask(service_client, idempotency_key="k-2").json()["id"] != first.json()["id"]
    assert service_band.queues.depth("compose") == 3


def test_a_key_used_by_many_at_once_makes_one_song(service_client: TestClient, service_band: Service) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(service_client, idempotency_key="k").json(), range(16)))
    assert len({answer["id"] for answer in answers}) == 1
    assert service_band.queues.depth("compose") == 1


def test_a_full_queue_is_a_503_with_the_seconds_to_wait(service_client_with: MakeClient) -> None:
    client = service_client_with(queue_limit=2)
    statuses = [ask(client).status_code for _ in range(3)]
    full = ask(client)
    assert statuses == [202, 202, 503]
    assert int(full.headers["retry-after"]) >= 1
    assert "at most 2 songs wait" in full.json()["detail"]


def test_a_client_that_asks_too_often_gets_a_429(service_client_with: MakeClient) -> None:
    client = service_client_with(rate_limit_songs=2, rate_limit_seconds=30)
    answers = [ask(client) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30


def test_a_repeat_of_an_accepted_request_costs_nothing(service_client_with: MakeClient) -> None:
    client = service_client_with(rate_limit_songs=1)
    assert [ask(client, idempotency_key="k").status_code for _ in range(3)] == [202, 202, 202]


def test_a_lost_server_is_a_503(service_client_with: MakeClient) -> None:
    client = service_client_with(redis_url="redis://127.0.0.1:1/0")
    answer = ask(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 503
    assert "riffbird_up 0.0" in client.get("/metrics").text


def test_nothing_is_known_of_an_unknown_id(service_client: TestClient) -> None:
    for path in ("/compositions/nobody", "/compositions/nobody/events", "/compositions/nobody/song.mp3"):
        assert service_client.get(path).status_code == 404, path


def test_a_finished_song_is_told_with_its_files(service_client: TestClient, service_band: Service) -> None:
    job_id = ask(service_client).json()["id"]
    service_band.work()
    state = service_client.get(f"/compositions/{job_id}").json()
    assert (state["status"], state["progress"], state["title"], state["tempo_bpm"]) == ("done", 1.0, "Robots", 160)
    assert state["files"] == {"mid": f"/compositions/{job_id}/song.mid"}
    assert state["parts"] == [{"name": "Piano", "program": 0, "is_drum": False, "notes": 4}]
    assert service_client.get(state["notes_url"]).json()["parts"][0]["notes"][0] == [0.0, 0.375, 60, 90]
    assert state["command"].endswith(f"/s {state['seed']}")


def test_a_refusal_by_the_composer_is_told(service_client: TestClient, service_band: Service) -> None:
    job_id = ask(service_client).json()["id"]
    service_band.work("refusing")
    state = service_client.get(f"/compositions/{job_id}").json()
    assert (state["status"], state["problem"]) == ("refused", "a kazoo is not in this band")


def test_events_tell_every_change_until_it_is_settled(service_client: TestClient, service_band: Service) -> None:
    job_id = ask(service_client).json()["id"]
    with service_client.stream("GET", f"/compositions/{job_id}/events") as stream, service_band.worker():
        assert stream.headers["content-type"].startswith("text/event-stream")
        states = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    assert states[0]["status"] == "queued"
    assert states[-1]["status"] == "done"


@pytest.mark.parametrize(
    ("limits", "status"), [({"event_streams_limit": 1}, 503), ({"event_streams_per_client": 1}, 429)]
)
def test_event_streams_are_limited(service_client_with: MakeClient, limits: dict, status: int) -> None:
    client = service_client_with(**limits)
    job_id = ask(client).json()["id"]
    ours = client_hash("testclient")
    OPEN_STREAMS.by_client[ours] += 1
    try:
        refused = client.get(f"/compositions/{job_id}/events")
        assert (refused.status_code, "retry-after" in refused.headers) == (status, True)
    finally:
        OPEN_STREAMS.by_client.clear()


def test_one_client_cannot_take_the_streams_of_another(service_client_with: MakeClient, service_band: Service) -> None:
    client = service_client_with(event_streams_per_client=1)
    job_id = ask(client).json()["id"]
    service_band.work()
    OPEN_STREAMS.by_client[client_hash("203.0.113.7")] += 1
    try:
        assert client.get(f"/compositions/{job_id}/events").status_code == 200
    finally:
        OPEN_STREAMS.by_client.clear()


def test_a_key_with_another_body_is_refused(service_client: TestClient) -> None:
    ask(service_client, idempotency_key="k")
    other = ask(service_client, {"text": "other /compose"}, idempotency_key="k")
    assert other.status_code == 422
    assert "used for another request" in other.json()["detail"]


def test_a_form_is_told_apart_by_its_fields_and_file_not_by_its_boundary(service_client: TestClient) -> None:
    def post(boundary: str, notes: int) -> int:
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="text"\r\n\r\nx /compose\r\n--{boundary}\r\n'
            f'Content-Disposition: form-data; name="primer"; filename="a.mid"\r\n\r\nMThd{notes}\r\n--{boundary}--\r\n'
        )
        headers = {"Idempotency-Key": "k", "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return service_client.post("/compositions", content=body, headers=headers).status_code

    assert [post("one", 1), post("two", 1), post("three", 2)] == [202, 202, 422]


def test_ids_and_tokens_cannot_be_computed_from_the_key(service_client: TestClient) -> None:
    body = ask(service_client, idempotency_key="k").json()
    assert body["id"] != job_id_without_secret("k")
    assert body["token"] != body["id"]
    assert len(body["token"]) == 32


def four_notes() -> Song:
    notes = tuple(Note(24 * place, 60 + place, 24, 80) for place in range(4))
    return Song(tracks=(Track(0, is_drum=False, notes=notes, name="Piano"),), end=96)


def job_id_without_secret(key: str) -> str:
    return hashlib.sha256(f"{client_hash('testclient')}\n{key}".encode()).hexdigest()[:32]


def test_an_unknown_field_is_refused_by_name(service_client: TestClient) -> None:
    answer = ask(service_client, {"text": "x /compose", "volume": 11})
    assert answer.status_code == 422
    assert "volume" in answer.json()["detail"]


@pytest.mark.parametrize("depth", [3, 200, 400, 5000])
def test_nested_lists_are_refused_not_raised(service_client: TestClient, depth: int) -> None:
    body = '{"band": ' + "[" * depth + "]" * depth + "}"
    answer = service_client.post("/compositions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (202, 400, 422)


def test_bytes_that_are_no_text_are_a_400(service_client: TestClient) -> None:
    answer = service_client.post("/compositions", content=b'{"text": "\xff"}')
    assert (answer.status_code, "UTF-8" in answer.json()["detail"]) == (400, True)


def test_a_form_is_read_as_json_is(service_client: TestClient) -> None:
    form = {"text": (None, "Robots /compose /t 160"), "genre": (None, "jazz"), "formats": (None, "mid,png")}
    answer = service_client.post("/compositions", files=form)
    assert answer.status_code == 202, answer.text
    command = service_client.get(answer.json()["status_url"]).json()["command"]
    assert command.startswith("Robots /compose /g jazz /t 160")


@pytest.mark.parametrize(
    ("name", "content", "status", "rule"),
    [("like", b"RIFF", 422, "begins with MThd"), ("photo", b"MThd", 422, "named primer or like"),
     ("primer", b"x" * (2**20 + 1), 413, "at most 1048576 bytes"), ("primer", b"RIFF", 422, "begins with MThd")],
)  # fmt: skip
def test_a_wrong_upload_is_refused_with_the_rule(
    service_client: TestClient, name: str, content: bytes, status: int, rule: str
) -> None:
    answer = service_client.post("/compositions", files={name: ("a.mid", content)}, data={"text": "x /compose"})
    assert answer.status_code == status, answer.text
    assert rule in answer.json()["detail"]


def test_an_uploaded_file_is_continued_and_then_deleted(service_client: TestClient, service_band: Service) -> None:
    midi = midi_bytes(four_notes())
    asked = service_client.post(
        "/compositions", files={"primer": ("mine.mid", midi)}, data={"text": "Mine /compose", "formats": "mid"}
    )
    assert asked.status_code == 202, asked.text
    job_id = asked.json()["id"]
    assert service_band.queues.media.size(job_id, "primer.mid") == len(midi)
    service_band.work("continuing")
    assert service_client.get(f"/compositions/{job_id}").json()["title"] == "continues 4 notes"
    assert service_band.queues.media.size(job_id, "primer.mid") is None


def test_an_uploaded_file_is_imitated_and_then_deleted(service_client: TestClient, service_band: Service) -> None:
    midi = midi_bytes(four_notes())
    asked = service_client.post(
        "/compositions", files={"like": ("mine.mid", midi)}, data={"text": "Mine /compose /g jazz", "formats": "mid"}
    )
    assert asked.status_code == 202, asked.text
    job_id = asked.json()["id"]
    assert service_band.queues.media.size(job_id, "like.mid") == len(midi)
    service_band.work("imitating")
    assert service_client.get(f"/compositions/{job_id}").json()["title"] == "like 4 notes"
    assert service_band.queues.media.size(job_id, "like.mid") is None


def test_a_file_to_imitate_brings_its_genre_unless_one_is_asked(
    service_client: TestClient, service_band: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"genres": {"folk": 1.0}}
    monkeypatch.setattr(jobs, "_in_genre_of", lambda _, request, __: request.model_copy(update=found))
    genres = []
    for text in ("Mine /compose", "Mine /compose /g jazz"):
        asked = service_client.post(
            "/compositions", files={"like": ("a.mid", midi_bytes(four_notes()))}, data={"text": text, "formats": "mid"}
        )
        service_band.work("imitating")
        genres.append(service_client.get(asked.json()["status_url"]).json()["command"])
    assert ["/g folk" in genres[0], "/g jazz" in genres[1]] == [True, True]


@pytest.mark.parametrize("field", ["primer", "like"])
def test_an_upload_that_is_no_music_is_refused(service_client: TestClient, service_band: Service, field: str) -> None:
    asked = service_client.post("/compositions", files={field: ("a.mid", b"MThd....")}, data={"text": "x /compose"})
    service_band.work("continuing")
    state = service_client.get(asked.json()["status_url"]).json()
    assert (state["status"], state["problem"].startswith(f"{field}: ")) == ("refused", True)


def test_one_song_has_one_file(service_client: TestClient) -> None:
    midi = midi_bytes(four_notes())
    both = dict.fromkeys(("primer", "like"), ("mine.mid", midi))
    assert service_client.post("/compositions", files=both, data={"text": "x /compose"}).status_code == 400


def test_a_blocked_word_stands_nowhere(service_client: TestClient, service_band: Service) -> None:
    job_id = ask(service_client, {"text": "Go kys now /compose /mood kys"}).json()["id"]
    service_band.work()
    assert service_client.get(f"/compositions/{job_id}").json()["title"] == "Go *** now"
    for path in (f"/compositions/{job_id}", "/timeline", f"/songs/{job_id}"):
        assert "kys" not in service_client.get(path).text, path


@pytest.mark.parametrize(
    ("wanted", "status", "span"),
    [("bytes=0-3", 206, slice(0, 4)), ("bytes=4-", 206, slice(4, None)), ("bytes=-5", 206, slice(-5, None)),
     ("pages=1-2", 200, slice(None)), ("bytes=0-99999", 206, slice(None))],
)  # fmt: skip
def test_a_player_can_seek_by_ranges(
    service_client: TestClient, service_band: Service, wanted: str, status: int, span: slice
) -> None:
    job_id = ask(service_client).json()["id"]
    service_band.work()
    url = f"/compositions/{job_id}/song.mid"
    whole = service_client.get(url)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/midi")
    part = service_client.get(url, headers={"Range": wanted})
    assert (part.status_code, part.content) == (status, whole.content[span])


def test_a_range_past_the_end_is_a_416(service_client: TestClient, service_band: Service) -> None:
    job_id = ask(service_client).json()["id"]
    service_band.work()
    answer = service_client.get(f"/compositions/{job_id}/song.mid", headers={"Range": "bytes=99999-"})
    assert (answer.status_code, answer.headers["content-range"][:8]) == (416, "bytes */")


def test_a_download_is_named_after_the_song(service_client: TestClient, service_band: Service) -> None:
    job_id = ask(service_client, {"text": 'Röbots: a "test"/ /compose'}).json()["id"]
    service_band.work()
    answer = service_client.get(f"/compositions/{job_id}/song.mid?download=1")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''R%C3%B6bots")
    assert service_client.get(f"/compositions/{job_id}/song.wav").status_code == 404
