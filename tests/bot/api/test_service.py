import errno
import json
import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from bot.api.app import create_app
from bot.api.http.limits import _network, is_allowed
from bot.api.settings import ApiSettings
from bot.commands.grammar import WORDS
from midi_data.genres import GENRES
from tests.bot.service import MakeClient, Service
from worker.client import QUEUE_UNAVAILABLE
from worker.monitoring.logs import JsonLines, without_secrets

EXEMPLARY = (
    "Accepted", "Composition", "Problem", "GenreFacts", "TrainingAccepted", "TrainingProgress",
)  # fmt: skip


def test_the_timeline_shows_the_newest_songs_first_in_pages(
    service_client_with: MakeClient, service_band: Service
) -> None:
    client = service_client_with(rate_limit_songs=100)
    for number in range(5):
        client.post("/compositions", json={"text": f"song {number} /compose"})
    service_band.work()
    first = client.get("/timeline?limit=3").json()
    assert [song["title"] for song in first["songs"]] == ["song 4", "song 3", "song 2"]
    second = client.get(f"/timeline?limit=3&before={first['next_before']}").json()
    assert [song["title"] for song in second["songs"]] == ["song 1", "song 0"]
    assert second["next_before"] is None


def test_every_genre_is_on_offer(service_client: TestClient) -> None:
    genres = service_client.get("/genres").json()
    assert [genre["name"] for genre in genres] == [genre.name for genre in GENRES]
    assert [genre["name"] for genre in genres if genre["house"]] == ["heavy-metal"]


def test_the_service_says_how_it_is(service_client: TestClient) -> None:
    assert service_client.get("/health").json() == {"status": "ok"}
    assert service_client.get("/ready").json() == {"status": "ready", "workers": 0, "waiting": 0, "limit": 100}


def test_metrics_tell_queue_songs_stages_failures_and_requests(
    service_client: TestClient, service_band: Service
) -> None:
    service_client.post("/compositions", json={"text": "x /compose"})
    service_band.work()
    service_client.post("/compositions", json={"text": "y /compose"})
    service_band.work("buggy")
    service_client.post("/compositions", json={"text": "z /compose"})
    text = service_client.get("/metrics").text
    for line in (
        'riffbird_queue_depth{queue="compose"} 1.0',
        'riffbird_songs_total{outcome="done"} 1.0',
        'riffbird_songs_total{outcome="failed"} 1.0',
        'riffbird_failures_total{kind="ZeroDivisionError"} 1.0',
        'riffbird_stage_seconds_count{stage="composing"} 1.0',
        'riffbird_http_requests_total{method="POST",route="/compositions",status="202"} 3.0',
    ):
        assert line in text


def test_every_answer_has_a_request_id_and_safe_headers(service_client: TestClient) -> None:
    for path in ("/", "/health", "/compositions/nobody", "/assets/nothing.js", "/nowhere"):
        answer = service_client.get(path)
        assert len(answer.headers["x-request-id"]) == 32
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_a_given_request_id_is_kept_unless_it_is_odd(service_client: TestClient) -> None:
    assert service_client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert service_client.get("/health", headers={"X-Request-ID": "a b\t"}).headers["x-request-id"] != "a b\t"


def test_a_long_body_is_refused_with_and_without_a_length(service_client: TestClient) -> None:
    assert service_client.post("/compositions", content=b"x" * 20000).status_code == 413
    chunked = service_client.post("/compositions", content=iter([b"x" * 9000] * 3))
    assert chunked.status_code == 413
    assert "at most 16384 bytes" in chunked.json()["detail"]


def test_no_foreign_page_may_call_unless_it_is_named(
    service_client: TestClient, service_client_with: MakeClient
) -> None:
    origin = {"Origin": "https://band.example"}
    assert "access-control-allow-origin" not in service_client.get("/genres", headers=origin).headers
    named = service_client_with(cors_origins=("https://band.example",))
    assert named.get("/genres", headers=origin).headers["access-control-allow-origin"] == "https://band.example"


def test_a_bug_is_a_500_without_its_traceback(
    service_client_with: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = service_client_with(raise_errors=False)
    client.app.state.service = None
    answer = client.get("/timeline")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "nosniff" in answer.headers["x-content-type-options"]
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


def test_the_openapi_document_is_valid_and_has_examples(service_client: TestClient) -> None:
    document = service_client.get("/openapi.json").json()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    text = json.dumps(document)
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= document["components"]["schemas"].keys()
    assert set(document["paths"]) == {
        "/compositions", "/compositions/{job_id}", "/compositions/{job_id}/events", "/compositions/{job_id}/report",
        "/moderation",
        "/compositions/{job_id}/song.{kind}",
        "/compositions/{job_id}/notes", "/timeline", "/genres", "/instruments",
        "/compositions/{job_id}/stems/{part}.{sound}",
        "/songs/{job_id}/embed", "/oembed", "/feed.atom",
        "/vocabulary", "/compositions/{job_id}/thread", "/health", "/ready", "/metrics",
        "/trainings", "/trainings/{job_id}", "/trainings/{job_id}/events", "/trainings/{job_id}/checkpoint",
    }  # fmt: skip
    schemas = document["components"]["schemas"]
    assert all("example" in schemas[name] for name in EXEMPLARY)
    assert {"202", "413", "422", "429", "503"} <= set(document["paths"]["/compositions"]["post"]["responses"])


def test_log_lines_hold_no_credential_and_no_unnamed_field() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "to %s", ("redis://me:hunter2@host/0",), None)
    record.request_id, record.kwargs = "r1", {"text": "private"}
    line = json.loads(JsonLines().format(record))
    assert line["message"] == "to redis://***@host/0"
    assert line["request_id"] == "r1"
    assert "private" not in json.dumps(line)


@pytest.mark.parametrize(
    "text",
    ["Authorization: Bearer hunter2", "x_access_token=hunter2", '{"password": "hunter2"}', "rediss://:hunter2@h:1/0",
     "Cookie: hunter2", "https://u:hunter2@h/p?api_key=hunter2"],
)  # fmt: skip
def test_credentials_are_cut_out_of_log_lines(text: str) -> None:
    assert "hunter2" not in without_secrets(text)


def test_an_ipv6_network_counts_as_one_client() -> None:
    assert _network("2001:db8::1") == _network("2001:db8::ffff") != _network("2001:db8:0:1::1")
    assert _network("203.0.113.7") == "203.0.113.7"


def test_a_song_has_a_page_with_a_social_preview(service_client: TestClient, service_band: Service) -> None:
    text = 'A "title" & <b>more</b> /compose'
    job_id = service_client.post("/compositions", json={"text": text}).json()["id"]
    service_band.work()
    html = service_client.get(f"/songs/{job_id}").text
    title = service_client.get(f"/compositions/{job_id}").json()["title"]
    assert "<b>" not in html
    assert f'<meta property="og:url" content="http://testserver/songs/{job_id}">' in html
    assert "&quot;title&quot; &amp;" in html or title in html
    assert service_client.get("/songs/nobody").status_code == 404


def test_the_page_names_no_foreign_host() -> None:
    from bot.api.routes.pages import WEB

    for path in filter(Path.is_file, WEB.rglob("*")):
        text = path.read_text(encoding="utf-8")
        for scheme in ("http://", "https://"):
            foreign = [rest.split('"')[0] for rest in text.split(scheme)[1:] if not rest.startswith("www.w3.org/")]
            assert foreign == [], path


def test_get_routes_answer_head_without_a_body(service_client: TestClient, service_band: Service) -> None:
    job_id = service_client.post("/compositions", json={"text": "x /compose"}).json()["id"]
    for path in ("/", "/health", "/timeline", "/genres", f"/compositions/{job_id}", f"/compositions/{job_id}/events"):
        answer = service_client.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path
    assert service_client.head("/nowhere").status_code == 404
    service_band.work()
    song = f"/compositions/{job_id}/song.mid"
    assert service_client.head(song).headers["content-length"] == str(len(service_client.get(song).content))


def test_a_wrong_method_names_all_that_are_allowed(service_client: TestClient) -> None:
    answer = service_client.put("/trainings/x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD")


def test_an_invented_method_is_no_label(service_client: TestClient) -> None:
    service_client.request("PROPFIND1", "/health")
    service_client.request("PROPFIND2", "/health")
    text = service_client.get("/metrics").text
    assert "PROPFIND" not in text
    assert 'method="other"' in text


def test_metrics_need_the_key_or_an_allowed_address(service_client_with: MakeClient) -> None:
    key = "k" * 24
    closed = service_client_with(metrics_allow="127.0.0.1,10.0.0.0/8", operator_key=key)
    assert closed.get("/metrics").status_code == 403
    assert closed.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert closed.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_an_address_is_allowed_by_itself_or_its_network() -> None:
    allowed = "127.0.0.1, ::1, 10.0.0.0/8"
    assert [is_allowed(address, allowed) for address in ("127.0.0.1", "::1", "10.1.2.3")] == [True] * 3
    assert [is_allowed(address, allowed) for address in ("11.1.2.3", "unknown", "")] == [False] * 3


@pytest.mark.parametrize(
    ("address", "port", "warnings"), [("10.0.0.9", 4100, 1), ("8.8.8.8", 4100, 0), ("10.0.0.9", 0, 0)]
)
def test_a_proxy_that_is_not_trusted_is_named_once(
    service_client: TestClient, caplog: pytest.LogCaptureFixture, address: str, port: int, warnings: int
) -> None:
    proxied = TestClient(service_client.app, client=(address, port), headers={"X-Forwarded-For": "198.51.100.7"})
    for _ in range(2):
        proxied.get("/health")
    found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [address in text and "RIFFBIRD_FORWARDED_ALLOW_IPS" in text for text in found] == [True] * warnings


def test_foreign_pages_may_delete_and_send_keys_where_they_are_named(service_client_with: MakeClient) -> None:
    client = service_client_with(cors_origins=("https://band.example",))
    asked = {"Origin": "https://band.example", "Access-Control-Request-Method": "DELETE",
             "Access-Control-Request-Headers": "Idempotency-Key"}  # fmt: skip
    answer = client.options("/compositions/x", headers=asked)
    assert answer.status_code == 200
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize("error", [kind("refused") for kind in QUEUE_UNAVAILABLE])
def test_a_server_that_refuses_writes_is_a_503(
    service_client: TestClient, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(service_client.app.state.service.queues.connection, "set", refuse)
    monkeypatch.setattr(service_client.app.state.service.queues.connection, "pipeline", refuse)
    for answer in (service_client.post("/compositions", json={"text": "x /compose"}), service_client.get("/ready")):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_what_is_accepted_is_on_disk_before_it_is_answered(service_band: Service) -> None:
    """Else a server that is killed may have forgotten a request, a deletion or a ban."""
    server, key = service_band.queues.connection, "k" * 16
    server.config_resetstat()

    def waits() -> int:
        return int(server.info("commandstats").get("cmdstat_waitaof", {"calls": 0})["calls"])

    with TestClient(create_app(service_band.queues, ApiSettings(operator_key=key), durable=True)) as client:
        assert client.post("/compositions", json={"text": "x /compose /t fast"}).status_code == 422
        assert waits() == 0
        accepted = client.post("/compositions", json={"text": "x /compose"})
        assert (accepted.status_code, waits()) == (202, 1)
        signed = {"Authorization": f"Bearer {key}"}
        deleted = client.delete(accepted.json()["status_url"], headers=signed)
        assert (deleted.status_code, waits()) == (204, 2)
        paused = client.post("/moderation", json={"action": "pause", "target": "http"}, headers=signed)
        assert (paused.status_code, waits()) == (200, 3)


def test_a_full_disk_is_a_503(service_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bot.api.routes.compositions._submit", refuse)
    answer = service_client.post("/compositions", json={"text": "x /compose"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_the_openapi_document_names_the_problems(service_client: TestClient) -> None:
    document = service_client.get("/openapi.json").json()
    assert "HTTPValidationError" not in json.dumps(document)
    assert {"400", "408", "415", "422"} <= set(document["paths"]["/compositions"]["post"]["responses"])
    asked = document["paths"]["/compositions"]["post"]["requestBody"]["content"]
    assert set(asked) == {"application/json", "multipart/form-data"}
    assert "40 to 300" in asked["application/json"]["schema"]["properties"]["tempo"]["description"]


def test_the_page_helps_with_every_command_word(service_client: TestClient) -> None:
    html = service_client.get("/").text
    assert all(f'data-names="{"|".join(word.names)}"' in html for word in WORDS)
