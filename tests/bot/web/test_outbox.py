"""Posts that the server cannot take in now are kept and sent later, also over a reload."""

import time
from pathlib import Path

import httpx

from tests.bot.service import Service
from tests.bot.web.pages import SONG_MILLISECONDS, OpenPage, expect, listening, post
from tests.waiting import free_port
from worker.client import connect
from worker.embedded import EmbeddedServer
from worker.settings import Settings


def titles(url: str) -> list[str]:
    return [song["title"] for song in httpx.get(f"{url}/timeline").json()["songs"]]


def test_a_post_written_while_the_server_is_away_is_sent_when_it_is_back(
    open_page: OpenPage, service_band: Service
) -> None:
    port = free_port()
    queues = connect(service_band.queues.settings)
    with listening(queues, port) as url:
        page = open_page(base=url)
        expect(page.locator("#backstage")).to_contain_text("on stage")
    one = post(page, "Night shift /compose")
    expect(one.locator(".problem")).to_contain_text("Your post is kept")
    with listening(queues, port) as url:
        expect(one.locator(".doing")).to_contain_text("Waiting for the stage")
        service_band.work("quick")
        assert titles(url) == ["Night shift"]
        page.close()


def test_a_kept_post_outlives_a_reload_and_makes_one_song(open_page: OpenPage, service_band: Service) -> None:
    port = free_port()
    queues = connect(service_band.queues.settings)
    with listening(queues, port) as url:
        page = open_page(base=url)
        page.route("**/compositions", lambda route: route.abort())
        expect(post(page, "Late bus /compose").locator(".problem")).to_contain_text("cannot be reached")
        page.unroute("**/compositions")
        page.reload()
        one = page.locator(".post", has_text="Late bus")
        expect(one.locator(".doing")).to_contain_text("Waiting for the stage")
        page.reload()
        expect(one).to_have_count(1)
        service_band.work("quick")
        assert titles(url) == ["Late bus"]
        page.close()


def test_an_answer_that_is_lost_makes_no_second_song(open_page: OpenPage, service_band: Service, site: str) -> None:
    page = open_page()

    def lose(route: object) -> None:
        route.fetch()
        route.abort()

    page.route("**/compositions", lose, times=1)
    page.clock.install()
    page.clock.pause_at(time.time() + 60)  # it is not sent again by itself before the click
    one = post(page, "Echo /compose")
    expect(one.locator(".problem")).to_contain_text("Your post is kept")
    one.get_by_role("button", name="Send now").click()
    expect(one.locator(".doing")).to_contain_text("Waiting for the stage")
    service_band.work("quick")
    assert titles(site) == ["Echo"]


def test_a_kept_post_can_be_discarded(open_page: OpenPage) -> None:
    page = open_page()
    page.route("**/compositions", lambda route: route.abort())
    one = post(page, "Never mind /compose")
    one.get_by_role("button", name="Discard").click()
    expect(page.locator(".post")).to_have_count(0)
    page.reload()
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator(".post")).to_have_count(0)


def test_a_full_queue_is_told_and_the_post_is_kept(open_page: OpenPage, service_band: Service) -> None:
    settings = service_band.queues.settings.model_copy(update={"queue_limit": 1})
    with listening(connect(settings)) as full:
        page = open_page(base=full)
        expect(post(page, "first /compose").locator(".doing")).to_contain_text("Waiting")
        one = post(page, "second /compose")
        expect(one.locator(".problem")).to_contain_text("at most 1 songs wait")
        expect(one.get_by_role("button", name="Send now")).to_be_visible()
        page.close()


def test_a_lost_queue_is_told_and_found_again(open_page: OpenPage, tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    server = EmbeddedServer(folder)
    settings = Settings(redis_url=server.__enter__(), data_dir=tmp_path, performer="tests.worker.performers.quick")
    with listening(connect(settings)) as lonely:
        page = open_page(base=lonely)
        first = post(page, "hello /compose")
        expect(first.locator(".doing")).to_contain_text("Waiting")
        server.__exit__(None, None, None)
        expect(first.locator(".doing")).to_contain_text("Still trying")
        late = post(page, "late /compose")
        expect(late.locator(".problem")).to_contain_text("cannot be used now")
        with EmbeddedServer(folder), Service(connect(settings)).worker():
            expect(first).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
            expect(late).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
            page.close()


def test_a_reload_finds_the_song_under_way_again(open_page: OpenPage, service_band: Service) -> None:
    page = open_page()
    expect(post(page, "Again here /compose").locator(".doing")).to_contain_text("Waiting")
    page.reload()
    one = page.locator(".post").first
    expect(one.locator(".doing")).to_contain_text("Waiting")
    expect(one.locator(".head strong").first).to_have_text("You")
    with service_band.worker("quick"):
        expect(one).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
    page.reload()
    expect(page.locator(".post")).to_have_count(1)


def test_many_songs_at_once_do_not_use_up_the_browsers_connections(open_page: OpenPage, service_band: Service) -> None:
    page = open_page()
    for number in range(9):
        post(page, f"song {number} /compose")
    expect(page.locator(".doing", has_text="Waiting for the stage")).to_have_count(9)
    with service_band.worker("quick"):
        expect(page.locator(".post[data-status=done]")).to_have_count(9, timeout=SONG_MILLISECONDS)
