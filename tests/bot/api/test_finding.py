"""Finding songs: by genre, by words of the title, by thread, by id; only public ones, within limits."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from composer.request import ComposeRequest
from tests.bot.service import MakeClient, Service
from worker.client import Revision, delete_song, submit
from worker.storage import timeline as timeline_module
from worker.storage.timeline import ENTRIES_KEY

Make = Callable[..., str]


@pytest.fixture
def client(service_client_with: MakeClient) -> TestClient:
    return service_client_with()


@pytest.fixture
def make(service_band: Service) -> Make:
    """Submits a song; ``service_band.work()`` makes all of them."""
    count = iter(range(1000))

    def submitted(title: str, *genres: str, **options: Any) -> str:
        blend = {genre: 1 / max(len(genres), 1) for genre in genres or ("jazz",)}
        job_id = options.pop("job_id", f"song-{next(count)}")
        submit(
            service_band.queues, ComposeRequest(genres=blend, title=title), job_id=job_id, formats=["mid"],
            **({"listed": True} | options),
        )  # fmt: skip
        return job_id

    return submitted


def titles(client: TestClient, **query: object) -> list[str]:
    answer = client.get("/timeline", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return [song["title"] for song in answer.json()["songs"]]


def test_songs_are_found_by_genre_and_title(client: TestClient, make: Make, service_band: Service) -> None:
    make("Dancing robots", "jazz")
    make("Sleeping ROBOTS", "rock", "jazz")
    make("Café at night", "rock")
    make("Secret robots", "rock", listed=False)
    service_band.work()
    assert titles(client) == ["Café at night", "Sleeping ROBOTS", "Dancing robots"]
    assert titles(client, genre="Jazz") == ["Sleeping ROBOTS", "Dancing robots"]
    assert titles(client, genre="rocknroll") == ["Café at night", "Sleeping ROBOTS"]
    assert titles(client, q="robots") == ["Sleeping ROBOTS", "Dancing robots"]
    assert titles(client, q=" dancing   RÓBOT ") == ["Dancing robots"]
    assert titles(client, q="cafe", genre="rock") == ["Café at night"]
    assert titles(client, q="cafe", genre="jazz") == []
    assert titles(client, q="secret") == []
    assert titles(client, ids="song-3,song-0,song-1,nobody") == ["Sleeping ROBOTS", "Dancing robots"]


def test_pages_of_a_search_follow_one_another(
    client: TestClient, make: Make, service_band: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        make(f"{'Odd' if number % 2 else 'Even'} {number}")
    service_band.work()
    monkeypatch.setattr(timeline_module, "CHUNK", 3)
    monkeypatch.setattr(timeline_module, "SCAN_LIMIT", 6)
    found, before, calls = [], None, 0
    while calls == 0 or before is not None:
        query = {"q": "even", "limit": 2} | ({"before": before} if before else {})
        page = client.get("/timeline", params=query).json()
        found += [song["title"] for song in page["songs"]]
        before, calls = page["next_before"], calls + 1
    assert found == ["Even 8", "Even 6", "Even 4", "Even 2", "Even 0"]
    monkeypatch.undo()
    assert client.get("/timeline", params={"limit": 9}).json()["next_before"] is None


def test_what_a_search_cannot_have_is_refused(client: TestClient) -> None:
    for query in (
        {"genre": "polka"}, {"q": ""}, {"q": "x" * 81}, {"limit": "51"}, {"before": "0"}, {"house": "perhaps"},
        {"ids": "../x"}, {"ids": ",".join(["a"] * 51)}, {"genre": "x" * 61}, {"before": "9" * 30},
    ):  # fmt: skip
        answer = client.get("/timeline", params=query)
        assert answer.status_code == 422, query
        assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    "text", ["*", "[a-z]", "%", "\\", '"', "a\x00b", "\u202e", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_search_takes_any_text(client: TestClient, text: str) -> None:
    assert client.get("/timeline", params={"q": text}).status_code in (200, 422)


def test_a_deleted_or_hidden_song_is_no_longer_found(client: TestClient, make: Make, service_band: Service) -> None:
    first, second = make("One robot"), make("Two robots")
    service_band.work()
    songs = service_band.queues.songs
    songs.hide(first)
    songs.delete(second)
    assert titles(client, q="robot") == titles(client, ids=f"{first},{second}") == []
    assert service_band.queues.connection.hlen(ENTRIES_KEY) == 0


def test_songs_listed_by_an_earlier_version_are_found(client: TestClient, make: Make, service_band: Service) -> None:
    make("Old robots", "rock")
    service_band.work()
    service_band.queues.connection.delete(ENTRIES_KEY)
    assert titles(client, q="old", genre="rock") == ["Old robots"]
    assert service_band.queues.connection.hlen(ENTRIES_KEY) == 1


def test_a_thread_is_in_order_and_has_public_songs_only(client: TestClient, make: Make, service_band: Service) -> None:
    first = make("First")
    revision = {"revision": Revision(action="vary", parent=first, root=first)}
    second, third = make("Second", **revision), make("Third", **revision)
    hidden = make("Hidden", listed=False, **revision)
    make("Elsewhere")
    service_band.work()
    for member in (first, second, third, hidden):
        thread = client.get(f"/compositions/{member}/thread").json()
        assert [song["title"] for song in thread["songs"]] == ["First", "Second", "Third"]
    replies = {song["title"]: song["replies"] for song in client.get("/timeline").json()["songs"]}
    assert replies == {"First": 2, "Second": 0, "Third": 0, "Elsewhere": 0}
    delete_song(service_band.queues, first)
    assert client.get(f"/compositions/{first}/thread").status_code == 404
    assert len(client.get(f"/compositions/{second}/thread").json()["songs"]) == 2


def test_instruments_and_vocabulary_are_what_commands_take(client: TestClient) -> None:
    instruments = client.get("/instruments").json()
    assert len(instruments) == 128 + 9
    words = client.get("/vocabulary").json()
    assert {"C", "F#m"} <= set(words["keys"])
    assert {"", "m7", "dim"} <= set(words["chord_qualities"])
    bands = {genre["name"]: genre["band"] for genre in client.get("/genres").json()}
    for name, band in bands.items():
        answer = client.post("/compositions", json={"genre": name, "band": band, "key": words["keys"][-1]})
        assert answer.status_code == 202, answer.text


def test_text_is_compressed_and_songs_are_not(client: TestClient, make: Make, service_band: Service) -> None:
    job_id = make("Robots")
    service_band.work()
    for path, encoding in (("/instruments", "gzip"), ("/", "gzip"), (f"/compositions/{job_id}/song.mid", None)):
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert (answer.status_code, answer.headers.get("content-encoding")) == (200, encoding), path
    assert client.head("/", headers={"Accept-Encoding": "gzip"}).status_code == 200
