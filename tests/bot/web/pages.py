"""What the tests of the page share: the app on a port of its own, a song, a post, expectations."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from bot.api.app import create_app
from bot.api.settings import ApiSettings
from tests.bot.service import Service

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
CHROMIUM = Path("/usr/bin/chromium")
COMMAND = "Dancing robots /compose /g heavy-metal /t 160 /r 0.2 /l 12 /s 7"
WAIT_MILLISECONDS = 60_000
"""A loaded machine may take long; a test that fails for it would tell nothing."""
SONG_MILLISECONDS = 300_000

OpenPage = Callable[..., object]


@contextmanager
def listening(queues: object, port: int = 0, **settings: object) -> Iterator[str]:
    """The app on a port (0: a free one), for as long as the block runs."""
    listener = socket.create_server(("127.0.0.1", port))
    app = create_app(queues, ApiSettings(**settings))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def make_song(band: Service, site: str, text: str, performer: str = "quick", **fields: object) -> str:
    """The id of a finished song. ``performer``: quick writes four notes and no sound, simple_tune a band's sound."""
    answer = httpx.post(f"{site}/compositions", json={"text": text, **fields})
    assert answer.status_code == 202, answer.text
    band.work(performer)
    return answer.json()["id"]


def post(page: object, text: str) -> object:
    """Post ``text``; its article on the page."""
    page.fill("#text", text)
    page.click("#send")
    return page.locator(".post", has_text=text.split(" /", maxsplit=1)[0]).first
