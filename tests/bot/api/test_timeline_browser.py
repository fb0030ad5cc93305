"""The timeline page in a real, headless Chromium, over a real server, queue and worker."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from bot.api.app import create_app
from bot.api.settings import ApiSettings
from tests.bot.service import Service
from worker.client import connect
from worker.embedded import EmbeddedServer
from worker.settings import Settings

CHROMIUM = Path("/usr/bin/chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium at /usr/bin/chromium")
COMMAND = "Dancing robots /compose /g heavy-metal /t 160 /r 0.2 /l 12"
SONG_MILLISECONDS = 180_000
"""A loaded machine may take long; a test that fails for it would tell nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield running
        running.close()


@contextmanager
def listening(queues: object, **settings: object) -> Iterator[str]:
    """The app on a free port, for as long as the block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
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


@pytest.fixture
def site(service_band: Service) -> Iterator[str]:
    with listening(connect(service_band.queues.settings), rate_limit_songs=1000) as url:
        yield url


@pytest.fixture
def open_page(browser: object, site: str) -> Iterator[Callable[..., object]]:
    """Opens a page of the site; the test fails if the page logs an error or asks a foreign host."""
    contexts, faults = [], []

    def open_(path: str = "/", *, base: str = site, **options: object) -> object:
        context = browser.new_context(**options)
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


def tweet(page: object, text: str) -> object:
    page.fill("#text", text)
    page.click("#send")
    return page.locator(".post").first


def test_a_tweet_is_shown_at_once_then_its_progress_then_the_song_plays(
    open_page: Callable[..., object], service_band: Service
) -> None:
    page = open_page()
    post = tweet(page, COMMAND)
    expect(post.locator(".words-written")).to_have_text(COMMAND)
    expect(post.locator(".doing")).to_contain_text("Waiting for the stage")
    page.evaluate(
        "() => { window.seen = new Set(); new MutationObserver(() => { const doing = document.querySelector('.doing');"
        " if (doing) seen.add(doing.textContent.split('…')[0]); }).observe(document.body, "
        "{ subtree: true, childList: true, characterData: true }); }"
    )
    with service_band.worker("simple_tune"):
        expect(post).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
    assert "Recording and filming" in page.evaluate("() => [...seen]")
    expect(post.locator(".title")).to_have_text("Dancing robots")
    post.get_by_role("button", name="Play Dancing robots").click()
    expect(post.locator(".time")).to_contain_text(re.compile("0:0[1-9] / "), timeout=10_000)
    assert page.evaluate("() => document.querySelector('.post').post.player.audio.currentTime") > 0.5
    before = page.evaluate("() => document.querySelector('canvas').toDataURL()")
    page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)
    post.get_by_role("button", name="Pause Dancing robots").click()
    assert page.evaluate("() => document.querySelector('.post').post.player.playing") is False


@pytest.fixture
def song_id(service_band: Service, site: str) -> str:
    """A finished song on the timeline."""
    import httpx

    job_id = httpx.post(f"{site}/compositions", json={"text": COMMAND}).json()["id"]
    service_band.work("simple_tune")
    return job_id


def test_parts_can_be_muted_and_soloed_while_it_plays(open_page: Callable[..., object], song_id: str) -> None:
    page = open_page(f"/songs/{song_id}")
    page.get_by_role("button", name="Play Dancing robots").click()
    page.locator(".mixer summary").click()
    page.get_by_role("button", name="Mute Drums").click()
    expect(page.locator(".source")).to_contain_text("your browser’s own synthesizer")
    player = "document.querySelector('.post').post.player"
    page.wait_for_function(f"() => {player}.synth.playing && {player}.audio.paused")
    assert page.evaluate(f"() => [0, 1, 2, 3].map((part) => {player}.heard(part))") == [True, True, True, False]
    page.get_by_role("button", name="Mute Drums").click()
    page.wait_for_function(f"() => !{player}.synth.playing && !{player}.audio.paused")
    page.get_by_role("button", name="Solo Bass").click()
    assert page.evaluate(f"() => [0, 1, 2, 3].map((part) => {player}.heard(part))") == [False, False, True, False]
    page.wait_for_function(f"() => {player}.time > 1.5")


def test_the_synthesizer_really_sounds(open_page: Callable[..., object], song_id: str) -> None:
    page = open_page(f"/songs/{song_id}")
    loudness = page.evaluate(
        """async () => {
          const { makeVoice } = await import("/assets/voices.js");
          const levels = [];
          for (const part of [{ program: 30 }, { program: 33 }, { program: 0 }, { is_drum: true }]) {
            const context = new OfflineAudioContext(1, 22050, 44100);
            makeVoice(context, part, context.destination)(0.01, 0.3, part.is_drum ? 38 : 50, 0.8);
            const samples = (await context.startRendering()).getChannelData(0);
            levels.push(Math.max(...samples.map(Math.abs)));
          }
          return levels;
        }"""
    )
    assert all(0.02 < level < 1 for level in loudness), loudness


@pytest.mark.parametrize(("label", "magic"), [("MIDI", b"MThd"), ("MP3", None), ("Video (MP4)", b"ftyp")])
def test_a_song_can_be_downloaded(
    open_page: Callable[..., object], song_id: str, tmp_path: Path, label: str, magic: bytes | None
) -> None:
    page = open_page(f"/songs/{song_id}")
    page.locator(".downloads summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=label).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name.startswith("Dancing robots.")
    content = path.read_bytes()
    assert magic in content[:12] if magic else content[:3] == b"ID3" or content[0] == 0xFF


def test_a_reload_finds_the_song_under_way_again(open_page: Callable[..., object], service_band: Service) -> None:
    page = open_page()
    expect(tweet(page, COMMAND).locator(".doing")).to_contain_text("Waiting")
    page.reload()
    post = page.locator(".post").first
    expect(post.locator(".doing")).to_contain_text("Waiting")
    expect(post.locator(".head strong").first).to_have_text("You")
    with service_band.worker("quick"):
        expect(post).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
    page.reload()
    expect(page.locator(".post")).to_have_count(1)


def test_a_permalink_shows_one_song_and_the_way_back(open_page: Callable[..., object], song_id: str) -> None:
    page = open_page(f"/songs/{song_id}")
    expect(page).to_have_title("Dancing robots · Riffbird")
    assert page.locator('meta[property="og:audio"]').get_attribute("content").endswith(f"/{song_id}/song.mp3")
    assert page.locator('meta[property="og:video"]').get_attribute("content").endswith(f"/{song_id}/song.mp4")
    page.get_by_role("link", name="Back to the timeline").click()
    expect(page.locator(".post .title")).to_have_text("Dancing robots")


def test_a_refused_command_is_answered_by_the_band(open_page: Callable[..., object]) -> None:
    post = tweet(open_page(), "x /compose /t fast")
    expect(post.locator(".problem")).to_contain_text("Tempo is a number from 40 to 300")
    expect(post.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_full_queue_is_told_with_a_way_to_try_again(open_page: Callable[..., object], service_band: Service) -> None:
    settings = service_band.queues.settings.model_copy(update={"queue_limit": 1})
    with listening(connect(settings)) as full:
        page = open_page(base=full)
        tweet(page, "first /compose")
        post = tweet(page, "second /compose")
        expect(post.locator(".problem")).to_contain_text("at most 1 songs wait")
        expect(post.get_by_role("button", name="Try again")).to_be_disabled()
        page.close()


def test_a_lost_server_is_told_and_found_again(open_page: Callable[..., object], tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    server = EmbeddedServer(folder)
    settings = Settings(redis_url=server.__enter__(), data_dir=tmp_path, performer="tests.worker.performers.quick")
    with listening(connect(settings)) as lonely:
        page = open_page(base=lonely)
        post = tweet(page, "hello /compose")
        expect(post.locator(".doing")).to_contain_text("Waiting")
        server.__exit__(None, None, None)
        expect(post.locator(".doing")).to_contain_text("Still trying", timeout=15_000)
        expect(tweet(page, "too late /compose").locator(".problem")).to_contain_text("cannot be used now")
        with EmbeddedServer(folder), Service(connect(settings)).worker():
            expect(page.locator(".post").nth(1)).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
            page.close()


def test_chips_and_sliders_write_the_command(open_page: Callable[..., object]) -> None:
    page = open_page()
    page.fill("#text", "Robots")
    page.get_by_role("button", name="jazz", exact=True).click()
    page.locator("#tempo").fill("150")
    page.locator("#randomness").fill("0.8")
    expect(page.locator("#text")).to_have_value("Robots /compose /g jazz /t 150 /r 0.8")
    page.get_by_role("button", name="rock", exact=True).click()
    expect(page.locator("#text")).to_have_value("Robots /compose /g rock /t 150 /r 0.8")
    page.fill("#text", "Robots /compose /genre metal /t 99")
    expect(page.locator("#tempo-value")).to_have_text("99")
    expect(page.locator('[data-genre="heavy-metal"]')).to_have_attribute("aria-pressed", "true")


def test_characters_are_counted_and_too_many_cannot_be_sent(open_page: Callable[..., object]) -> None:
    page = open_page()
    expect(page.locator("#send")).to_be_disabled()
    page.fill("#text", "🎸" * 270)
    expect(page.locator("#count-label")).to_have_text("10")
    page.fill("#text", "x" * 281)
    expect(page.locator("#count-label")).to_have_text("-1")
    expect(page.locator("#send")).to_be_disabled()


def test_again_asks_anew_and_remix_keeps_the_seed(open_page: Callable[..., object], song_id: str) -> None:
    page = open_page(f"/songs/{song_id}")
    page.get_by_role("button", name="Remix: same seed").click()
    expect(page.locator("#text")).to_be_focused()
    assert re.search(r"Dancing robots /compose .*/s \d+", page.locator("#text").input_value())
    page.get_by_role("button", name="Again, with a new seed").click()
    words = page.locator(".post").first.locator(".words-written")
    expect(words).to_contain_text("Dancing robots /compose /g heavy-metal")
    assert "/s " not in words.text_content()


def test_all_of_it_works_by_keyboard(open_page: Callable[..., object], song_id: str) -> None:
    page = open_page()
    expect(page.locator(".post")).to_have_attribute("data-id", song_id)
    page.keyboard.press("j")
    expect(page.locator(".post")).to_be_focused()
    page.keyboard.press("p")
    page.wait_for_function("() => document.querySelector('.post').post.player.playing")
    page.keyboard.press("p")
    page.keyboard.press("n")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("by keyboard /compose")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".post")).to_have_count(2)


def test_everything_has_a_name_for_a_screen_reader(open_page: Callable[..., object], song_id: str) -> None:
    page = open_page(f"/songs/{song_id}")
    page.locator(".mixer summary").click()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, a, input, textarea, summary, [role=img], progress")]
          .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length))
          .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    expect(page.get_by_role("feed", name="Songs").get_by_role("article")).to_have_count(1)
    assert page.evaluate("() => document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone_and_colours_have_contrast(
    open_page: Callable[..., object], song_id: str, scheme: str
) -> None:
    page = open_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    expect(page.locator(".post")).to_have_attribute("data-id", song_id)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    contrast = page.evaluate(
        """() => {
          const light = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
            .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
          const ground = light(getComputedStyle(document.documentElement).backgroundColor);
          return [".handle", ".words-written", ".command", ".facts", ".time"].map((each) => {
            const ink = light(getComputedStyle(document.querySelector(each)).color);
            return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
          });
        }"""
    )
    assert min(contrast) >= 4.5, contrast  # WCAG 2.2, 1.4.3


def test_many_songs_at_once_do_not_use_up_the_browsers_connections(
    open_page: Callable[..., object], service_band: Service
) -> None:
    page = open_page()
    for number in range(9):
        tweet(page, f"song {number} /compose")
    expect(page.locator(".doing", has_text="Waiting for the stage")).to_have_count(9)
    with service_band.worker("quick"):
        expect(page.locator(".post[data-status=done]")).to_have_count(9, timeout=SONG_MILLISECONDS)


def test_the_words_of_strangers_are_text_and_not_markup(open_page: Callable[..., object]) -> None:
    page = open_page()
    text = '<img src=x onerror="alert(1)"> /compose'
    post = tweet(page, text)
    expect(post.locator(".words-written")).to_have_text(text)
    assert page.locator(".words-written img").count() == 0
