"""The page in a real, headless Chromium, over a real server, queue and worker."""

from collections.abc import Iterator

import pytest

from tests.bot.service import Service
from tests.bot.web.pages import (
    CHROMIUM,
    COMMAND,
    WAIT_MILLISECONDS,
    OpenPage,
    expect,
    listening,
    make_song,
    playwright,
)
from worker.client import connect


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    with playwright.sync_playwright() as started:
        expect.set_options(timeout=WAIT_MILLISECONDS)
        running = started.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield running
        running.close()


@pytest.fixture
def site(service_band: Service) -> Iterator[str]:
    with listening(connect(service_band.queues.settings), rate_limit_songs=1000) as url:
        yield url


@pytest.fixture
def open_page(browser: object, site: str) -> Iterator[OpenPage]:
    """Opens a page of the site; the test fails if the page logs an error or asks a foreign host."""
    contexts, faults = [], []

    def open_(path: str = "/", *, base: str = site, **options: object) -> object:
        context = browser.new_context(**options)
        context.set_default_timeout(WAIT_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request", lambda request: request.url.startswith((base, "blob:", "data:")) or faults.append(request.url)
        )
        page.goto(base + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def song_id(service_band: Service, site: str) -> str:
    """A finished song on the timeline."""
    return make_song(service_band, site, COMMAND, "simple_tune")
