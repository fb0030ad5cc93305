"""Everything real at once: the command, its embedded server, its worker, the shipped checkpoint, and a browser."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from composer.model.checkpoint import shipped_checkpoint
from tests.waiting import free_port, wait_for

CHROMIUM = Path("/usr/bin/chromium")
README_TWEET = "@riffbird Dancing robots /compose /g heavy-metal /t 160 /r 0.2"
PATIENCE_SECONDS = 300
"""A loaded machine may take long; how long a song takes is measured by benchmarks/load.py, not here."""

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium at /usr/bin/chromium"),
    pytest.mark.skipif(not shipped_checkpoint().exists(), reason="no checkpoint is shipped"),
]


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=30).json()["workers"] == 1
    except httpx.TransportError:
        return False


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [Path(sys.executable).with_name("riffbird"), "serve", "--port", str(port), "--data", tmp_path / "data"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RIFFBIRD_")}
    environment["RIFFBIRD_HOUSE_SONGS"] = "false"
    with subprocess.Popen(command, env=environment) as service:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: ready(url), PATIENCE_SECONDS)
            yield url
        finally:
            service.terminate()
        assert service.wait(60) == 0


def test_a_tweet_becomes_a_song_that_plays_and_is_the_same_again_by_its_command(browser: object, served: str) -> None:
    page = browser.new_page()
    page.goto(served)
    page.fill("#text", README_TWEET + " /l 12")
    page.click("#send")
    post = page.locator(".post").first
    working = re.compile("Composing|Recording")
    expect(post.locator(".doing")).to_contain_text(working, timeout=PATIENCE_SECONDS * 1000)
    expect(post).to_have_attribute("data-status", "done", timeout=PATIENCE_SECONDS * 1000)
    post.get_by_role("button", name="Play Dancing robots").click()
    expect(post.locator(".time")).to_contain_text(re.compile("0:0[1-9] / "), timeout=60_000)
    song = httpx.get(f"{served}/compositions/{post.get_attribute('data-id')}").json()
    page.close()
    assert (song["genre"], song["tempo_bpm"], song["randomness"]) == ("heavy-metal", 160, 0.2)
    assert set(song["files"]) == {"mid", "mp3", "png", "mp4"}
    again = httpx.post(f"{served}/compositions", json={"text": song["command"], "formats": ["mid"]}).json()
    wait_for(lambda: httpx.get(served + again["status_url"]).json()["status"] == "done", PATIENCE_SECONDS)
    midi, same = (httpx.get(f"{served}/compositions/{each['id']}/song.mid").content for each in (song, again))
    assert midi == same
