"""The timeline: first visit, permalinks, keys, threads' neighbours, and the words of strangers."""

import re
import uuid

import pytest

from composer.request import ComposeRequest
from tests.bot.service import Service
from tests.bot.web.pages import OpenPage, expect, make_song, post
from worker.client import submit


def test_a_first_visit_says_what_this_is_and_has_posts_to_start_from(open_page: OpenPage) -> None:
    page = open_page()
    welcome = page.get_by_role("region", name="A band you can write to")
    expect(welcome).to_be_visible()
    examples = welcome.get_by_role("list", name="Start from one of these posts:").get_by_role("button")
    expect(examples).to_have_count(3)
    words = examples.nth(1).text_content()
    examples.nth(1).click()
    expect(page.locator("#text")).to_have_value(words)
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".post .words-written")).to_have_text(words)
    expect(welcome).to_be_hidden()


def test_a_permalink_shows_one_song_and_the_way_back(open_page: OpenPage, song_id: str) -> None:
    page = open_page(f"/songs/{song_id}")
    expect(page).to_have_title("Dancing robots · Riffbird")
    assert page.locator('meta[property="og:audio"]').get_attribute("content").endswith(f"/{song_id}/song.mp3")
    page.get_by_role("link", name="Back to the timeline").click()
    expect(page.locator(".post .title")).to_have_text("Dancing robots")


def test_a_song_that_is_not_there_is_said(open_page: OpenPage) -> None:
    page = open_page("/songs/" + "0" * 32)
    expect(page.locator("#nothing")).to_be_visible()


def test_new_songs_of_others_are_offered_not_pushed(open_page: OpenPage, service_band: Service, site: str) -> None:
    make_song(service_band, site, "Mine first /compose /l 10")
    page = open_page()
    expect(page.locator(".post")).to_have_count(1)
    make_song(service_band, site, "Someone else /compose /l 10")
    page.clock.install()
    page.reload()
    expect(page.locator(".post")).to_have_count(2)
    expect(page.locator("#backstage")).to_contain_text("on stage")  # the next look is due in 15 seconds
    make_song(service_band, site, "A third /compose /l 10")
    page.clock.fast_forward(16_000)
    page.get_by_role("button", name="Show 1 new song").click()
    expect(page.locator(".post").first.locator(".title")).to_have_text("A third")


def test_letters_move_and_play_but_send_nothing(open_page: OpenPage, song_id: str) -> None:
    page = open_page()
    one = page.locator(".post")
    expect(one).to_have_attribute("data-id", song_id)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.keyboard.press("j")
    expect(one).to_be_focused()
    page.keyboard.press("p")
    page.wait_for_function("() => document.querySelector('.post').post.deck.playing")
    page.keyboard.press("p")
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Again: Dancing robots")).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Remix: Dancing robots")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Search in titles")).to_be_focused()
    page.keyboard.press("Escape")
    assert sent == []


@pytest.mark.usefixtures("song_id")
def test_letters_can_be_switched_off(open_page: OpenPage) -> None:
    page = open_page()
    page.locator(".post").wait_for()
    page.locator("h1").click()
    page.keyboard.press("?")
    page.get_by_label("Single-letter keys are on").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("n")
    expect(page.locator("#text")).not_to_be_focused()
    page.reload()
    page.locator(".post").wait_for()
    page.keyboard.press("n")
    expect(page.locator("#text")).not_to_be_focused()


@pytest.mark.usefixtures("song_id")
def test_escape_closes_a_menu_and_the_focus_goes_back(open_page: OpenPage) -> None:
    page = open_page()
    save = page.get_by_label("Save Dancing robots")
    save.click()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="MP3")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="MP3")).to_be_hidden()
    expect(save).to_be_focused()


def test_help_is_there_on_a_phone(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 390, "height": 800})
    page.get_by_role("button", name="Help and keys").click()
    expect(page.get_by_role("dialog")).to_contain_text("/c Am F C G")


HOSTILE = [
    '<img src=x onerror="alert(1)">',
    "W" * 180,
    "مرحبا بالعالم \u202e gnirts desrever \u202c",
    "🎸" * 120,
    "Z" + "\u0335\u0321\u0360\u0315" * 40 + "algo",
]


@pytest.mark.parametrize("text", HOSTILE, ids=["markup", "long", "rtl", "emoji", "zalgo"])
def test_the_words_of_strangers_stay_in_their_place(
    open_page: OpenPage, service_band: Service, site: str, text: str
) -> None:
    make_song(service_band, site, f"{text} /compose /l 10")
    page = open_page(viewport={"width": 360, "height": 740})
    one = page.locator(".post").first
    one.get_by_role("button", name=re.compile("^Play")).first.click()
    expect(page.get_by_role("region", name="Player")).to_be_visible()
    assert page.locator(".words-written img, .title img").count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    outside = page.evaluate(
        """() => [...document.querySelectorAll(".post .words-written, .post .title, .deck-title")].filter((each) => {
          const box = each.getBoundingClientRect();
          return box.left < 0 || box.right > innerWidth || getComputedStyle(each).overflow === "visible";
        }).map((each) => each.className)"""
    )
    assert outside == []
    assert page.locator(".deck-row").bounding_box()["height"] < 70


@pytest.mark.usefixtures("song_id")
def test_a_song_can_be_reported(open_page: OpenPage, service_band: Service) -> None:
    page = open_page()
    page.get_by_label("More for Dancing robots").click()
    page.get_by_role("button", name="Report", exact=True).click()
    page.get_by_label("What is wrong with it?").fill("the title is rude")
    page.get_by_role("dialog").get_by_role("button", name="Report").click()
    expect(page.locator("#toast")).to_have_text("Reported. Thank you.")
    assert [each["reason"] for each in service_band.queues.moderation.reports()] == ["the title is rude"]


def test_a_song_of_this_device_can_be_deleted(open_page: OpenPage, service_band: Service) -> None:
    page = open_page()
    one = post(page, "Regret /compose /l 10")
    expect(one.locator(".doing")).to_contain_text("Waiting")
    service_band.work("quick")
    expect(one).to_have_attribute("data-status", "done")
    page.get_by_label("More for Regret").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(one).to_have_count(1)
    page.get_by_label("More for Regret").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(one).to_have_count(0)
    page.reload()
    expect(page.locator("#nothing")).to_be_visible()


@pytest.mark.usefixtures("song_id")
def test_a_strangers_song_has_no_delete(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_label("More for Dancing robots").click()
    expect(page.get_by_role("button", name="Report", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Delete", exact=True)).to_have_count(0)


def test_a_first_visit_plays_a_house_song_of_each_genre_at_once(
    open_page: OpenPage, service_band: Service, site: str
) -> None:
    for genre in ("jazz", "folk", "jazz"):
        request = ComposeRequest(title=f"House {genre}", genres={genre: 1}, length_seconds=10, seed=7)
        job_id = uuid.uuid4().hex
        submit(service_band.queues, request, job_id=job_id, formats=["mid", "mp3"], listed=True, house=True)
        service_band.work("simple_tune")  # one by one: a song of the house gives way to a job that waits
    make_song(service_band, site, "A listener's /compose /l 10")
    page = open_page()
    row = page.get_by_role("list", name="Songs of the house, one of each genre").get_by_role("button")
    expect(row).to_have_count(2)
    expect(page.locator(".post .title")).to_have_text(["A listener's"])
    page.get_by_role("button", name="Play folk: House folk").click()
    bar = page.get_by_role("region", name="Player")
    expect(bar.get_by_role("link", name="House folk")).to_be_visible()
    page.get_by_role("button", name="Pause folk: House folk").click()
    bar.get_by_role("link", name="House folk").click()
    expect(page.locator(".post .head strong").first).to_have_text("The house")
    expect(page.locator(".facts")).to_contain_text("by the house")
