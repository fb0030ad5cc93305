"""The Bluesky client against Bluesky's own personal data server, run by Node.

Skipped unless ``RIFFBIRD_TEST_PDS`` names a folder where ``npm install @atproto/pds @did-plc/server`` was run.
Notifications come from another server, the app view, which needs PostgreSQL; the mention is handed over by the test.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

pytest.importorskip("atproto", reason="the bluesky extra is not installed")

from bot.networks.bluesky.client import POST, BlueskyNetwork
from bot.networks.protocol import Answer, Attachment, CredentialsError, ForbiddenError
from bot.networks.retry import Clock
from bot.settings import BotSettings
from tests.bot.service import ROOT
from tests.waiting import free_port, wait_for

INSTALLED = os.environ.get("RIFFBIRD_TEST_PDS", "")
pytestmark = pytest.mark.skipif(
    not (INSTALLED and shutil.which("node")), reason="RIFFBIRD_TEST_PDS names no folder with Bluesky's server"
)


class SystemClock(Clock):
    def now(self) -> float:
        return time.time()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("pds"), free_port()
    (folder / "data").mkdir()
    (folder / "blobs").mkdir()
    script = ROOT / "tests/bot/fakes/pds.cjs"
    words = ["node", script, INSTALLED, folder, str(port), str(free_port())]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: process.poll() is None and _answers(f"http://localhost:{port}/xrpc/_health"), 120)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def call(server: str, method: str, token: str = "", **data: object) -> dict:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = httpx.post(f"{server}/xrpc/{method}", json=data, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.json()


def account(server: str, name: str) -> dict:
    method = "com.atproto.server.createAccount"
    return call(server, method, handle=f"{name}.test", email=f"{name}@band.example", password=f"password-{name}")


@contextmanager
def network(server: str, password: str) -> Iterator[BlueskyNetwork]:
    settings = BotSettings(
        bluesky_service=server, bluesky_handle="riffbird.test", bluesky_app_password=password,
        bot_request_timeout_seconds=60,
    )  # fmt: skip
    with closing(BlueskyNetwork(settings, SystemClock())) as made:
        yield made


@pytest.fixture
def band(server: str) -> Iterator[BlueskyNetwork]:
    account(server, "riffbird")
    with network(server, "password-riffbird") as made:
        yield made


def test_a_mention_is_answered_once_with_a_video_and_the_answer_can_be_deleted(
    server: str, band: BlueskyNetwork, tmp_path: Path
) -> None:
    ada = account(server, "ada")
    assert band.open() == "riffbird.test"
    text = "@riffbird.test Robots /compose /g jazz"
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": band.did}
    record = {
        "$type": POST, "text": text, "createdAt": "2026-11-30T12:00:00.000Z",
        "facets": [{"index": {"byteStart": 0, "byteEnd": 14}, "features": [feature]}],
    }  # fmt: skip
    asked = call(
        server, "com.atproto.repo.createRecord", ada["accessJwt"], repo=ada["did"], collection=POST, record=record
    )
    author = {"did": ada["did"], "handle": "ada.test"}
    mention = band.read_item(
        {"uri": asked["uri"], "cid": asked["cid"], "author": author, "reason": "mention", "record": record,
         "indexedAt": "2026-11-30T12:00:01.000Z", "isRead": False}
    )  # fmt: skip
    assert mention is not None
    (tmp_path / "song.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(20_000))
    answer = Answer("Here it is", "key", Attachment(tmp_path / "song.mp4", "mp4", "a piano roll", 30.0, "Robots"))
    assert band.find_reply(mention, answer) is None
    posted = band.reply(mention, answer, lambda: None)
    assert band.reply(mention, answer, lambda: None) == posted  # posted again by mistake
    assert band.find_reply(mention, answer) == posted
    found = httpx.get(
        f"{server}/xrpc/com.atproto.repo.listRecords", params={"repo": band.did, "collection": POST}, timeout=60
    ).json()["records"]
    assert [each["uri"] for each in found] == [posted]
    assert found[0]["value"]["reply"]["parent"]["uri"] == asked["uri"]
    assert found[0]["value"]["embed"]["video"]["mimeType"] == "video/mp4"
    assert found[0]["value"]["embed"]["alt"] == "a piano roll"
    with pytest.raises(ForbiddenError):
        band.reply(mention, Answer("y" * 4000, "key"), lambda: None)
    band.delete_reply(mention, posted)
    assert band.find_reply(mention, answer) is None
    with network(server, "another-password") as stranger, pytest.raises(CredentialsError):
        stranger.open()
