"""Songs on other sites: card tags, player, oEmbed, feed; typed text is escaped, private songs stay private."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot.api.previews import card_of
from composer.request import ComposeRequest
from tests.bot.service import MakeClient, Service
from worker.client import SongRecord, submit

HOSTILE = """</title><script>alert("x")</script> & 'quotes' <img src=x onerror=y>"""
ATOM = "{http://www.w3.org/2005/Atom}"


class Tags(HTMLParser):
    """All tags of a page with their attributes, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def contents(self) -> dict[str | None, str | None]:
        """Of the meta tags by property."""
        return {each.get("property"): each.get("content") for tag, each in self.found if tag == "meta"}


def parsed(xml: bytes) -> ET.Element:
    return ET.fromstring(xml)  # noqa: S314  our own answer


@pytest.fixture
def client(service_client_with: MakeClient) -> TestClient:
    return service_client_with(public_url="https://band.example")


def make(service: Service, job_id: str, title: str, **options: Any) -> str:
    request = ComposeRequest(genres={"jazz": 1.0}, title=title)
    submit(service.queues, request, job_id=job_id, formats=["mid"], **({"listed": True} | options))
    service.work()
    return job_id


def test_a_hostile_title_is_text_everywhere(client: TestClient, service_band: Service) -> None:
    job_id = make(service_band, "bad", HOSTILE)
    page, player = client.get(f"/songs/{job_id}"), client.get(f"/songs/{job_id}/embed")
    scripts = sum(tag == "script" for tag, _ in Tags(client.get("/").text).found)
    assert sum(tag == "script" for tag, _ in Tags(page.text).found) == scripts
    assert Tags(page.text).contents()["og:title"] == HOSTILE
    assert not {"script"} & {tag for tag, _ in Tags(player.text).found}
    assert all("onerror" not in attributes for _, attributes in Tags(player.text).found)
    answer = client.get("/oembed", params={"url": f"https://band.example/songs/{job_id}"}).json()
    assert answer["title"] == HOSTILE
    assert [tag for tag, _ in Tags(answer["html"]).found] == ["iframe"]
    feed = parsed(client.get("/feed.atom").content)
    assert [title.text for title in feed.iter(f"{ATOM}title")] == ["Riffbird: new songs", HOSTILE]


def test_only_the_player_may_be_framed_and_it_runs_no_script(client: TestClient, service_band: Service) -> None:
    job_id = make(service_band, "a", "Robots")
    player, page = client.get(f"/songs/{job_id}/embed"), client.get(f"/songs/{job_id}")
    assert "frame-ancestors *" in player.headers["content-security-policy"]
    assert "script-src" not in player.headers["content-security-policy"]
    assert "default-src 'none'" in player.headers["content-security-policy"]
    assert "x-frame-options" not in player.headers
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_a_card_plays_where_the_site_is_on_https(service_band: Service) -> None:
    make(service_band, "a", "Robots")
    song = service_band.queues.songs.find("a")
    assert isinstance(song, SongRecord)
    files = {kind: Path(f"song.{kind}") for kind in ("mid", "mp3", "mp4", "png")}
    song = song.model_copy(update={"rendition": song.rendition.model_copy(update={"files": files})})
    secure, plain = card_of(song, "https://band.example"), card_of(song, "http://band.example")
    assert (secure["twitter:card"], plain["twitter:card"]) == ("player", "summary_large_image")
    assert secure["twitter:player"] == "https://band.example/songs/a/embed"
    assert secure["og:video"] == "https://band.example/compositions/a/song.mp4"


def test_pages_name_their_feed_and_their_embedding(client: TestClient, service_band: Service) -> None:
    make(service_band, "a", "Robots")
    make(service_band, "private", "Secret", listed=False)
    links = {
        each.get("type"): each.get("href") for tag, each in Tags(client.get("/songs/a").text).found if tag == "link"
    }
    assert links["application/atom+xml"] == "https://band.example/feed.atom"
    embed = links["application/json+oembed"]
    assert embed == "https://band.example/oembed?url=https%3A%2F%2Fband.example%2Fsongs%2Fa"
    assert client.get(embed.removeprefix("https://band.example")).json()["title"] == "Robots"
    assert 'name="robots" content="noindex"' in client.get("/songs/private").text
    assert 'name="robots"' not in client.get("/songs/a").text


def test_an_embedded_player_has_the_size_asked_for(client: TestClient, service_band: Service) -> None:
    make(service_band, "a", "Robots")
    for asked, size in (
        ({}, (640, 360)), ({"maxwidth": 320}, (320, 180)), ({"maxheight": 180}, (320, 180)),
        ({"maxwidth": 9999, "maxheight": 9999}, (640, 360)), ({"maxwidth": 1}, (200, 113)),
    ):  # fmt: skip
        answer = client.get("/oembed", params={"url": "https://band.example/songs/a"} | asked).json()
        assert (answer["width"], answer["height"]) == size
        assert (answer["type"], answer["version"]) == ("video", "1.0")


def test_what_cannot_be_embedded_is_refused(client: TestClient, service_band: Service) -> None:
    make(service_band, "a", "Robots")
    for url in (
        "https://evil.example/songs/a", "https://band.example/songs/nobody", "https://band.example/songs/../a", "x",
        "https://band.example/", "http://[", "javascript:alert(1)",
    ):  # fmt: skip
        assert client.get("/oembed", params={"url": url}).status_code == 404, url
    assert client.get("/oembed").status_code == 422
    good = {"url": "https://band.example/songs/a"}
    assert client.get("/oembed", params=good | {"format": "xml"}).status_code == 501
    assert client.get("/oembed", params=good | {"maxwidth": 0}).status_code == 422
    assert client.get("/songs/nobody/embed").status_code == 404


def test_the_feed_has_public_songs_only_and_filters_by_genre(client: TestClient, service_band: Service) -> None:
    make(service_band, "a", "Robots \ufffe\x0b")
    make(service_band, "private", "Secret", listed=False)
    answer = client.get("/feed.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    entries = parsed(answer.content).findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == ["https://band.example/songs/a"]
    assert parsed(client.get("/feed.atom?genre=rock").content).findall(f"{ATOM}entry") == []
    assert len(parsed(client.get("/feed.atom?genre=swing").content).findall(f"{ATOM}entry")) == 1
    assert client.get("/feed.atom?genre=polka").status_code == 422
