"""Replies over HTTP: a song made from another one, in its thread, by the words of ``/again`` and its like."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from midi_data.io.midi_file import song_from_bytes
from midi_data.io.midi_writer import midi_bytes
from midi_data.song import Note, Song, Track
from tests.bot.service import MakeClient, Service

FIRST = "Robots /compose /g jazz /k Dm /l 10 /s 42"


def post(client: TestClient, **body: object) -> dict[str, Any]:
    answer = client.post("/compositions", json={"formats": ["mid"]} | body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def state(client: TestClient, job_id: str) -> dict[str, Any]:
    return dict(client.get(f"/compositions/{job_id}").json())


@pytest.fixture
def first(service_client: TestClient, service_band: Service) -> str:
    return posted_first(service_client, service_band)


def posted_first(client: TestClient, service: Service) -> str:
    """The id of a finished song."""
    job_id = post(client, text=FIRST)["id"]
    service.work("simple_tune")
    return str(job_id)


def song(client: TestClient, job_id: str) -> Song:
    return song_from_bytes(client.get(f"/compositions/{job_id}/song.mid").content, source="the test")


REPLIES = (
    ("/again", "again", "new seed", "Robots /compose /g jazz /l 10 /k D minor"),
    ("/again /t 90", "again", "new seed, slower (90 bpm)", "Robots /compose /g jazz /t 90 /l 10 /k D minor"),
    ("/again /s 42 /k G", "again", "same seed, in G major", "Robots /compose /g jazz /l 10 /k G major /s 42"),
    ("/again /s 42 /i distortion guitar,electric bass,piano,drums", "again",
     "same seed, without overdriven guitar, with acoustic grand piano", ""),
    ("/again /i violin", "again", "new seed, with another band", ""),
    ("/vary /v 7", "vary", "same plan, new notes", "Robots /compose /g jazz /l 10 /k D minor /s 42 /v 7"),
    ("/vary /r 0.9", "vary", "same plan, new notes, wilder", ""),
    ("/extend", "extend", "goes on for 30 more seconds", ""),
    ("/extend /l 90", "extend", "goes on for 80 more seconds", ""),
    ("/replace bass", "replace", "new bass", ""),
    ("/replace lead guitar, drums", "replace", "new lead guitar and drums", ""),
    ("Other robots /compose /g rock /s 42", "remix", "same seed, as rock, in any key, longer (45 s)",
     "Other robots /compose /g rock /s 42"),
)  # fmt: skip


def test_a_reply_makes_a_new_song_in_the_thread(service_client_with: MakeClient, service_band: Service) -> None:
    client = service_client_with(rate_limit_songs=99)
    first = posted_first(client, service_band)
    for text, action, change, command in REPLIES:
        made = state(client, post(client, text=text, reply_to=first)["id"])
        assert (made["status"], made["text"]) == ("queued", text)
        assert (made["action"], made["parent"], made["root"]) == (action, first, first), text
        assert made["change"] == change, text
        assert made["command"].startswith(command), text


def test_a_reply_to_a_reply_stays_in_the_thread(service_client: TestClient, service_band: Service, first: str) -> None:
    second = post(service_client, text="/vary", reply_to=first)["id"]
    service_band.work("simple_tune")
    third = state(service_client, post(service_client, text="/again", reply_to=second)["id"])
    assert (third["parent"], third["root"]) == (second, first)
    assert state(service_client, first)["root"] == first
    assert "parent" not in state(service_client, first)


def test_a_replaced_bass_leaves_the_other_parts_note_for_note(
    service_client: TestClient, service_band: Service, first: str
) -> None:
    made = post(service_client, text="/replace bass", reply_to=first)["id"]
    service_band.work("simple_tune")
    before, after = song(service_client, first), song(service_client, made)
    kept = [track.notes for track in before.tracks if track.name != "Bass"]
    assert [track.notes for track in after.tracks if track.name != "Bass"] == kept
    done = state(service_client, made)
    assert (done["status"], done["change"], done["seed"]) == ("done", "new bass", 42)
    assert done["variation"] > 0


REFUSALS = (
    ("/replace violin", 'There is no "violin" in this song. It has: Lead guitar, Rhythm guitar, Bass, Drums.'),
    ("/replace", "Which part? Write /replace and one of: Lead guitar"),
    ("/replace kazoo orchestra", "I don't know the instrument"),
    ("/replace bass, drums, lead guitar, rhythm guitar", "/replace keeps at least one part"),
    ("/replace bass /t 90", "/replace keeps the song's tempo"),
    ("/replace bass /l 20", "/replace keeps the song's length"),
    ("/replace bass 2", "There is no"),
    ("/vary /k C", "/vary keeps the song's key"),
    ("/vary /v 1000000", "A variation is a whole number from 0 to 999999"),
    ("/extend /l 10", "/extend makes a song longer than its 10 seconds"),
    ("/extend /g rock", "/extend keeps the song's genre"),
    ("/again /t fast", "Tempo is a number"),
    ("/help", "/compose"),
)


def test_what_a_reply_cannot_have_is_refused_in_one_line(
    service_client_with: MakeClient, service_band: Service
) -> None:
    client = service_client_with(rate_limit_songs=99)
    first = posted_first(client, service_band)
    for text, rule in REFUSALS:
        answer = client.post("/compositions", json={"text": text, "reply_to": first})
        assert (answer.status_code, rule in answer.json()["detail"]) == (422, True), (text, answer.text)


def test_a_verb_needs_the_song_that_it_works_on(service_client: TestClient) -> None:
    for text in ("/again", "/vary", "/extend", "/replace bass"):
        answer = service_client.post("/compositions", json={"text": text})
        assert (answer.status_code, "reply_to" in answer.json()["detail"]) == (422, True)


def test_a_reply_to_nothing_is_not_found(service_client: TestClient) -> None:
    assert service_client.post("/compositions", json={"text": "/vary", "reply_to": "nothing"}).status_code == 404
    token = post(service_client, text="x /compose")
    unfinished = service_client.post("/compositions", json={"text": "/vary", "reply_to": token["id"]})
    assert (unfinished.status_code, "queued" in unfinished.json()["detail"]) == (422, True)
    authorization = {"Authorization": f"Bearer {token['token']}"}
    assert service_client.delete(f"/compositions/{token['id']}", headers=authorization).status_code == 204
    assert service_client.post("/compositions", json={"text": "/vary", "reply_to": token["id"]}).status_code == 404


def test_a_hostile_id_is_refused(service_client: TestClient) -> None:
    for reply_to in ("", "../x", "a/b", "x" * 200, 5, {"id": 1}, "a\n", "ünïcode"):
        answer = service_client.post("/compositions", json={"text": "/vary", "reply_to": reply_to})
        assert answer.status_code == 422, reply_to


def test_a_song_of_140_seconds_cannot_go_on(service_client: TestClient, service_band: Service) -> None:
    longest = post(service_client, text="x /compose /l 140")["id"]
    service_band.work()
    answer = service_client.post("/compositions", json={"text": "/extend", "reply_to": longest})
    assert "at most 140 seconds" in answer.json()["detail"]


def test_a_reply_to_a_hidden_song_is_not_listed(service_client: TestClient, service_band: Service, first: str) -> None:
    service_band.queues.songs.hide(first)
    post(service_client, text="/vary", reply_to=first)
    service_band.work("simple_tune")
    assert service_client.get("/timeline").json()["songs"] == []


def test_a_parent_that_is_deleted_meanwhile_refuses_the_reply(
    service_client: TestClient, service_band: Service, first: str
) -> None:
    made = post(service_client, text="/replace bass", reply_to=first)["id"]
    service_band.queues.songs.delete(first)
    service_band.work("simple_tune")
    assert state(service_client, made)["status"] == "refused"
    assert "deleted" in state(service_client, made)["problem"]


def test_a_chart_is_kept_by_what_follows_an_extension(
    service_client: TestClient, service_band: Service, first: str
) -> None:
    extended = post(service_client, text="/extend", reply_to=first)["id"]
    service_band.work("simple_tune")
    varied = post(service_client, text="/vary", reply_to=extended)["id"]
    longer = post(service_client, text="/extend /l 60", reply_to=extended)["id"]
    again = post(service_client, text="/again", reply_to=extended)["id"]
    service_band.work("simple_tune")
    found = [service_band.queues.songs.find(each) for each in (extended, varied, longer, again)]
    requests = [song.request for song in found if song]
    assert [each.chart_seconds for each in requests] == [10, 10, 10, None]
    assert [each.length_seconds for each in requests] == [40, 40, 60, 40]


def test_a_song_from_a_file_has_no_plan_to_vary(service_client: TestClient, service_band: Service) -> None:
    midi = midi_bytes(Song((Track(0, is_drum=False, notes=(Note(0, 60, 24, 90),)),), end=96))
    answer = service_client.post("/compositions", data={"text": "x"}, files={"primer": ("a.mid", midi)})
    service_band.work("continuing")
    parent = answer.json()["id"]
    refused = service_client.post("/compositions", json={"text": "/vary", "reply_to": parent})
    assert (refused.status_code, "planned from a file" in refused.json()["detail"]) == (422, True)
    extended = post(service_client, text="/extend", reply_to=parent)["id"]
    assert state(service_client, extended)["status"] == "queued"
    with_file = service_client.post(
        "/compositions", data={"text": "/again", "reply_to": parent}, files={"primer": ("a.mid", midi)}
    )
    assert (with_file.status_code, "takes no file" in with_file.json()["detail"]) == (422, True)
