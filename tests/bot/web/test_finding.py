"""Finding songs: words of the title, a genre, and those of this device."""

import re

import pytest

from tests.bot.service import Service
from tests.bot.web.pages import OpenPage, expect, make_song, post

TITLES = {"Dancing robots": "heavy-metal", "Late bus": "jazz", "Robot ballet": "classical"}


@pytest.fixture
def songs(service_band: Service, site: str) -> None:
    for title, genre in TITLES.items():
        make_song(service_band, site, f"{title} /compose /g {genre} /l 10")


@pytest.mark.usefixtures("songs")
def test_titles_are_searched_while_typing(open_page: OpenPage) -> None:
    page = open_page()
    titles = page.locator(".post .title")
    expect(titles).to_have_text(["Robot ballet", "Late bus", "Dancing robots"])
    page.get_by_label("Search in titles").fill("bus")
    expect(titles).to_have_text(["Late bus"])
    page.get_by_label("Search in titles").fill("no such song")
    expect(page.locator("#nothing")).to_have_text("No song is like that.")
    page.get_by_label("Search in titles").fill("")
    expect(titles).to_have_count(3)


@pytest.mark.usefixtures("songs")
def test_a_genre_is_chosen_and_stays_in_the_address(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#find-genre").select_option("jazz")
    expect(page.locator(".post .title")).to_have_text(["Late bus"])
    expect(page).to_have_url(re.compile(r"\?genre=jazz$"))
    page.reload()
    expect(page.locator(".post .title")).to_have_text(["Late bus"])
    expect(page.locator("#find-genre")).to_have_value("jazz")


@pytest.mark.usefixtures("songs")
def test_mine_are_those_of_this_device(open_page: OpenPage, service_band: Service) -> None:
    page = open_page()
    page.get_by_role("button", name="Mine").click()
    expect(page.locator("#nothing")).to_be_visible()
    page.get_by_role("button", name="Mine").click()
    own = post(page, "My own /compose /l 10")
    expect(own.locator(".doing")).to_contain_text("Waiting")
    service_band.work("quick")
    expect(own).to_have_attribute("data-status", "done")
    page.get_by_role("button", name="Mine").click()
    expect(page.locator(".post .title")).to_have_text(["My own"])


@pytest.mark.usefixtures("songs")
def test_a_song_under_way_comes_back_after_a_search(open_page: OpenPage, service_band: Service) -> None:
    page = open_page()
    own = post(page, "Under way /compose /l 10")
    expect(own.locator(".doing")).to_contain_text("Waiting")
    page.get_by_label("Search in titles").fill("bus")
    expect(page.locator(".post .title")).to_have_text(["Late bus"])
    page.get_by_label("Search in titles").fill("")
    expect(own.locator(".doing")).to_contain_text("Waiting")
    service_band.work("quick")
    expect(own).to_have_attribute("data-status", "done")
    expect(page.locator(".post")).to_have_count(4)


def test_a_permalink_shows_the_whole_thread(open_page: OpenPage, service_band: Service, site: str) -> None:
    root = make_song(service_band, site, "Root /compose /l 10")
    make_song(service_band, site, "Elsewhere /compose /l 10")
    reply = make_song(service_band, site, "/again", reply_to=root)
    page = open_page(f"/songs/{reply}")
    expect(page.locator(".post")).to_have_count(2)
    expect(page.locator(".post[aria-current]")).to_have_attribute("data-id", reply)
    page.locator(".post[aria-current] .change a").click()
    expect(page.locator(".post[aria-current]")).to_have_attribute("data-id", root)
