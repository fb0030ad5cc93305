import pytest
from fastapi.testclient import TestClient

from bot.api.http.limits import client_hash
from tests.bot.service import MakeClient, Service
from worker.client import Moderation

KEY = "operators-key-0123456789"
SIGNED = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def client(service_client_with: MakeClient) -> TestClient:
    return service_client_with(operator_key=KEY, rate_limit_songs=100)


def ask(client: TestClient, text: str = "Robots /compose") -> dict:
    answer = client.post("/compositions", json={"text": text})
    assert answer.status_code == 202, answer.text
    return answer.json()


def moderate(client: TestClient, action: str, target: str, status: int = 200) -> dict:
    answer = client.post("/moderation", json={"action": action, "target": target, "note": "why"}, headers=SIGNED)
    assert answer.status_code == status, answer.text
    return answer.json()


def titles(client: TestClient) -> list[str]:
    return [song["title"] for song in client.get("/timeline").json()["songs"]]


def delete(client: TestClient, job_id: str, key: str | None) -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return client.delete(f"/compositions/{job_id}", headers=headers).status_code


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}])
def test_moderation_needs_the_key(client: TestClient, headers: dict) -> None:
    assert client.get("/moderation", headers=headers).status_code == 401
    assert client.post("/moderation", json={"action": "pause", "target": "x"}, headers=headers).status_code == 401


def test_moderation_is_off_without_a_key(service_client: TestClient) -> None:
    assert service_client.get("/moderation", headers=SIGNED).status_code == 404


def test_an_asker_deletes_their_song_and_nobody_elses(client: TestClient, service_band: Service) -> None:
    ours, theirs = ask(client), ask(client, "Theirs /compose")
    service_band.work()
    assert [delete(client, theirs["id"], key) for key in (None, "wrong", ours["token"])] == [401, 401, 401]
    assert delete(client, ours["id"], ours["token"]) == 204
    base = f"/compositions/{ours['id']}"
    gone = (base, f"{base}/song.mid", f"{base}/notes", f"{base}/events", f"/songs/{ours['id']}")
    assert [client.get(path).status_code for path in gone] == [404] * len(gone)
    assert titles(client) == ["Theirs"]
    assert service_band.queues.media.size(ours["id"], "song.mid") is None


def test_the_operator_deletes_any_song(client: TestClient, service_band: Service) -> None:
    job_id = ask(client)["id"]
    service_band.work()
    assert delete(client, job_id, KEY) == 204
    assert delete(client, job_id, KEY) == 404
    entry = client.get("/moderation", headers=SIGNED).json()["log"][0]
    assert (entry["action"], entry["target"], entry["by"]) == ("delete", job_id, "operator")


def test_a_song_deleted_while_it_waits_is_never_shown(client: TestClient, service_band: Service) -> None:
    accepted = ask(client)
    assert delete(client, accepted["id"], accepted["token"]) == 204
    service_band.work()
    assert client.get(accepted["status_url"]).status_code == 404
    assert titles(client) == []


def test_a_song_deleted_while_it_is_made_is_discarded(client: TestClient, service_band: Service) -> None:
    job_id = ask(client)["id"]
    service_band.queues.moderation.mark_deleted(job_id, 60)  # what remains of a deletion that a running job outlives
    service_band.work()
    assert titles(client) == []
    assert service_band.queues.media.size(job_id, "song.mid") is None


def test_a_hidden_song_leaves_the_timeline_and_keeps_its_link(client: TestClient, service_band: Service) -> None:
    job_id = ask(client)["id"]
    service_band.work()
    moderate(client, "hide", job_id)
    assert titles(client) == []
    assert client.get(f"/compositions/{job_id}").json()["status"] == "done"
    moderate(client, "hide", "unknown", 404)


def test_a_report_reaches_the_operator_and_is_dismissed(client: TestClient) -> None:
    job_id = ask(client)["id"]
    answer = client.post(f"/compositions/{job_id}/report", json={"reason": "insults\npeople"})
    assert answer.status_code == 202
    reports = client.get("/moderation", headers=SIGNED).json()["reports"]
    assert [(each["song"], each["reason"]) for each in reports] == [(job_id, "insults people")]
    assert moderate(client, "dismiss", job_id)["reports"] == []
    assert client.post("/compositions/unknown/report", json={}).status_code == 404


def test_reports_of_one_client_are_limited(client: TestClient) -> None:
    url = f"/compositions/{ask(client)['id']}/report"
    assert [client.post(url, json={}).status_code for _ in range(11)] == [202] * 10 + [429]


def test_a_banned_client_gets_no_song_until_the_ban_ends(client: TestClient) -> None:
    job_id = ask(client)["id"]
    bans = moderate(client, "ban", f"song:{job_id}")["bans"]
    assert bans == {"http": [client_hash("testclient")]}
    assert client.post("/compositions", json={"text": "x /compose"}).status_code == 403
    moderate(client, "unban", f"http:{client_hash('testclient')}")
    ask(client)
    moderate(client, "ban", "http:testclient")
    assert client.post("/compositions", json={"text": "x /compose"}).status_code == 403


@pytest.mark.parametrize("target", ["ada", "elsewhere:ada", "x:", "song:unknown"])
def test_a_ban_names_a_place_and_a_person(client: TestClient, target: str) -> None:
    problem = moderate(client, "ban", target, 422)
    assert problem["detail"]


def test_a_pause_stops_requests_until_it_ends(client: TestClient) -> None:
    assert moderate(client, "pause", "http")["paused"] == ["http"]
    answer = client.post("/compositions", json={"text": "x /compose"})
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    moderate(client, "resume", "http")
    ask(client)
    moderate(client, "pause", "elsewhere", 422)
    moderate(client, "resume", "x", 404)


def test_every_decision_is_in_the_log(client: TestClient) -> None:
    moderate(client, "pause", "matrix")
    log = moderate(client, "ban", "x:@Ada")["log"]
    assert [(each["action"], each["target"], each["note"]) for each in log] == [
        ("ban", "x:@Ada", "why"), ("pause", "matrix", "why"),
    ]  # fmt: skip


def test_the_admin_page_holds_no_secret_and_names_every_action(client: TestClient) -> None:
    answer = client.get("/admin")
    assert answer.status_code == 200
    assert KEY not in answer.text
    assert all(f'value="{action}"' in answer.text for action in ("hide", "delete", "ban", "unban", "pause", "resume"))


def test_a_handle_is_banned_with_and_without_its_sign(service_band: Service) -> None:
    moderation = Moderation(service_band.queues.connection)
    moderation.ban("x", "@Ada")
    assert moderation.bans("x") == ["ada"]
    assert moderation.unban("x", "@ada")
    assert moderation.bans("x") == []
