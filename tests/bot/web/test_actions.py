"""Working on a song: each action is a new post in the thread of the first."""

import re

import httpx
import pytest

from tests.bot.service import Service
from tests.bot.web.pages import OpenPage, expect, make_song


def timeline(site: str) -> list[dict[str, object]]:
    return httpx.get(f"{site}/timeline").json()["songs"]


@pytest.mark.parametrize(
    ("kind", "words"), [("Again", "/again"), ("Vary", "/vary"), ("Extend", "/extend")], ids=["again", "vary", "extend"]
)
def test_a_button_posts_a_reply_below_its_song(
    open_page: OpenPage, service_band: Service, site: str, song_id: str, kind: str, words: str
) -> None:
    page = open_page()
    page.get_by_role("button", name=f"{kind}: Dancing robots").click()
    thread = page.locator(".thread").filter(has=page.locator(f'[data-id="{song_id}"]'))
    reply = thread.locator(".post").nth(1)
    expect(reply.locator(".words-written")).to_have_text(words)
    expect(reply).to_be_focused()
    expect(reply.locator(".doing")).to_contain_text("Waiting")
    service_band.work("simple_tune")
    expect(reply).to_have_attribute("data-status", "done")
    made = timeline(site)[0]
    assert (made["action"], made["parent"], made["root"]) == (words[1:], song_id, song_id)
    expect(reply.locator(".change")).to_contain_text(made["change"])
    assert made["change"]


def test_a_part_is_chosen_and_replaced(open_page: OpenPage, service_band: Service, site: str, song_id: str) -> None:
    page = open_page()
    page.get_by_label("Replace a part of Dancing robots").click()
    page.get_by_role("button", name="bass", exact=True).click()
    reply = page.locator(".thread .post").nth(1)
    expect(reply.locator(".words-written")).to_have_text("/replace bass")
    expect(reply.locator(".doing")).to_contain_text("Waiting")
    service_band.work("simple_tune")
    expect(reply).to_have_attribute("data-status", "done")
    before, after = (
        httpx.get(f"{site}/compositions/{each}/notes").json()["parts"] for each in (song_id, timeline(site)[0]["id"])
    )
    assert [old["notes"] == new["notes"] for old, new in zip(before, after, strict=True)] == [True, True, False, True]


def test_a_remix_shows_its_difference_before_and_after_it_is_posted(
    open_page: OpenPage, service_band: Service, site: str, song_id: str
) -> None:
    page = open_page()
    page.get_by_role("button", name="Remix: Dancing robots").click()
    expect(page.locator("#text")).to_be_focused()
    assert re.search(r"Dancing robots /compose .*/s 7", page.locator("#text").input_value())
    expect(page.locator("#difference")).to_have_text("same seed.")
    expect(page.locator("#wishes")).to_be_visible()  # the buttons move as the controls open
    page.get_by_role("button", name="Slower").click()
    page.get_by_role("button", name="Calmer").click()
    page.locator("#key").select_option("Dm")
    expect(page.locator("#difference")).to_have_text("same seed, slower (160 → 128 bpm), calmer (0.2 → 0), in Dm.")
    page.click("#send")
    expect(page.locator("#reply")).to_be_hidden()
    reply = page.locator(".thread .post").nth(1)
    expect(reply.locator(".change")).to_contain_text("same seed, slower")
    expect(reply.locator(".doing")).to_contain_text("Waiting")
    service_band.work("quick")
    expect(reply).to_have_attribute("data-status", "done")
    made = timeline(site)[0]
    assert (made["action"], made["root"], made["seed"], made["tempo_bpm"]) == ("remix", song_id, 7, 128)
    expect(reply.locator(".change")).to_contain_text(made["change"])


def test_a_remix_is_left_with_escape_and_the_focus_goes_back(open_page: OpenPage, song_id: str) -> None:
    page = open_page(f"/songs/{song_id}")
    remix = page.get_by_role("button", name="Remix: Dancing robots")
    remix.click()
    expect(page.locator("#reply")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#reply")).to_be_hidden()
    expect(remix).to_be_focused()
    expect(page.locator("#text")).to_have_value("")


def test_the_timeline_keeps_replies_below_their_song(open_page: OpenPage, service_band: Service, site: str) -> None:
    first = make_song(service_band, site, "Root /compose /l 10")
    make_song(service_band, site, "Elsewhere /compose /l 10")
    make_song(service_band, site, "/again", reply_to=first)
    page = open_page()
    expect(page.locator(".post")).to_have_count(3)
    threads = page.locator(".thread")
    expect(threads).to_have_count(2)
    expect(threads.first.locator(".title")).to_have_text(["Root", "Root"])
    expect(threads.first.locator(".post").first).to_have_attribute("data-id", first)
    expect(threads.last.locator(".title")).to_have_text("Elsewhere")
