"""A new user, without a manual: jazz in D minor over four chords, no drums, heard, slower, another bass, stems saved.

Once with the mouse alone, once with the keyboard alone; the songs are composed by the shipped checkpoint.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from composer.model.checkpoint import shipped_checkpoint
from tests.bot.service import Service
from tests.bot.web.pages import SONG_MILLISECONDS, OpenPage, expect, listening
from worker.client import connect

CHORDS = (("D", "m7"), ("G", "7"), ("C", "maj7"), ("A", "7"))
MOST_TABS = 150
pytestmark = pytest.mark.skipif(not shipped_checkpoint().exists(), reason="no checkpoint is shipped")


@pytest.fixture
def site(service_band: Service) -> Iterator[str]:
    """The service with a worker that composes; it makes no films, which take the longest."""
    settings = service_band.queues.settings.model_copy(update={"formats": ("mid", "mp3")})
    with listening(connect(settings)) as url, service_band.worker(None):
        yield url


def newest(site: str) -> dict[str, object]:
    return httpx.get(f"{site}/timeline").json()["songs"][0]


def done(page: object, place: int) -> object:
    """The post at ``place`` of the thread, once its song is finished."""
    one = page.locator(".post").nth(place)
    expect(one).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
    return one


def check_first(song: dict[str, object]) -> None:
    assert (song["genre"], song["chords"][:4]) == ("jazz", ["Dm7", "G7", "Cmaj7", "A7"])
    assert "/k D minor" in song["command"] or "/k Dm" in song["command"]
    assert not any(part["is_drum"] for part in song["parts"])


def check_slower(song: dict[str, object], first: dict[str, object]) -> None:
    assert (song["root"], song["seed"]) == (first["id"], first["seed"])
    assert song["tempo_bpm"] < first["tempo_bpm"]


def check_bass(site: str, song: dict[str, object]) -> None:
    before, after = (
        httpx.get(f"{site}/compositions/{each}/notes").json()["parts"] for each in (song["parent"], song["id"])
    )
    changed = [old["name"] for old, new in zip(before, after, strict=True) if old["notes"] != new["notes"]]
    assert changed == [part["name"] for part in before if "Bass" in part["name"]]


def check_stems(path: Path, song: dict[str, object]) -> None:
    names = zipfile.ZipFile(path).namelist()
    assert len(names) == len(song["parts"])
    assert all(name.endswith(".wav") for name in names)


def wait_for_sound(page: object, one: object) -> None:
    expect(one.locator(".time")).to_contain_text(re.compile("0:0[1-9] / "))
    assert page.evaluate("() => [...document.querySelectorAll('.post')].some((each) => each.post.deck?.playing)")


def test_by_mouse_alone(open_page: OpenPage, site: str, tmp_path: Path) -> None:
    page = open_page()
    page.get_by_role("button", name="More wishes").click()
    page.get_by_role("button", name="jazz", exact=True).click()
    length = page.locator("#length")
    length.click(position={"x": 4, "y": length.bounding_box()["height"] / 2})
    key = page.locator("#key")
    key.select_option("Dm")  # a list of the system: the driver cannot click in it
    for index, (root, quality) in enumerate(CHORDS):
        if index:
            page.get_by_role("button", name="Add bar").click()
        page.get_by_role("group", name="Root of the chord").get_by_role("button", name=root, exact=True).click()
        page.get_by_role("group", name="Quality of the chord").get_by_role("button", name=quality, exact=True).click()
    page.get_by_role("button", name="Without drums").click()
    page.get_by_role("button", name="Post", exact=True).click()
    one = done(page, 0)
    first = newest(site)
    check_first(first)
    one.get_by_role("button", name=re.compile("^Play")).click()
    wait_for_sound(page, one)
    one.get_by_role("button", name=re.compile("^Remix")).click()
    expect(page.locator("#wishes")).to_be_visible()  # the buttons move as the controls open
    page.get_by_role("button", name="Slower").click()
    page.get_by_role("button", name="Post", exact=True).click()
    one = done(page, 1)
    check_slower(newest(site), first)
    one.get_by_label(re.compile("^Replace a part")).click()
    one.locator(".entry", has_text="bass").click()
    one = done(page, 2)
    check_bass(site, newest(site))
    one.get_by_label(re.compile("^Save")).click()
    with page.expect_download(timeout=SONG_MILLISECONDS) as download:
        one.get_by_role("button", name="Stems").click()
    download.value.save_as(tmp_path / "stems.zip")
    check_stems(tmp_path / "stems.zip", newest(site))


class Keyboard:
    """Walks with Tab and presses keys; it knows what has the focus, as a screen reader does."""

    def __init__(self, page: object) -> None:
        self.page = page

    def focused(self) -> str:
        """Accessible name of the focused element."""
        return self.page.evaluate(
            "() => { const each = document.activeElement; return each.getAttribute('aria-label') ?? "
            "each.labels?.[0]?.textContent.trim() ?? each.textContent.trim(); }"
        )

    def tab_to(self, name: str, key: str = "Tab") -> None:
        """Press Tab until an element whose name matches has the focus."""
        for _ in range(MOST_TABS):
            self.page.keyboard.press(key)
            if re.search(name, self.focused()):
                return
        pytest.fail(f"{name!r} is not reached by {key}")

    def choose(self, value: str) -> None:
        """Go down the focused list to ``value``. Letters that are typed too slowly would begin a new search in it."""
        options = self.page.locator("select:focus option").count()
        for _ in range(options):
            if self.page.locator("select:focus").input_value() == value:
                return
            self.page.keyboard.press("ArrowDown")
        assert self.page.locator("select:focus").input_value() == value

    def press(self, name: str, key: str = "Enter") -> None:
        self.tab_to(name)
        self.page.keyboard.press(key)


def test_by_keyboard_alone(open_page: OpenPage, site: str, tmp_path: Path) -> None:
    page = open_page()
    keys = Keyboard(page)
    keys.tab_to("^Your post to the band$")
    page.keyboard.type("Blue keys")
    keys.press("^More wishes$")
    page.locator(".wish").first.wait_for()
    keys.press("^jazz$")
    keys.tab_to("^Length$")
    page.keyboard.press("Home")
    keys.tab_to("^Key$")
    keys.choose("Dm")
    keys.tab_to("^Chords$")
    page.keyboard.type("Dm7 | G7 | Cmaj7 | A7")
    keys.press("^Without drums$", "Space")
    keys.tab_to("^Post$", "Shift+Tab")
    page.keyboard.press("Enter")
    one = done(page, 0)
    first = newest(site)
    check_first(first)
    keys.press("^Play Blue keys$")
    wait_for_sound(page, one)
    keys.press("^Remix")
    expect(page.locator("#reply")).to_be_visible()
    keys.tab_to("^Slower$", "Shift+Tab")
    page.keyboard.press("Enter")
    keys.tab_to("^Post$")
    page.keyboard.press("Enter")
    one = done(page, 1)
    check_slower(newest(site), first)
    keys.press("^Replace a part", "Enter")
    keys.press("bass")
    one = done(page, 2)
    check_bass(site, newest(site))
    keys.press("^Save")
    with page.expect_download(timeout=SONG_MILLISECONDS) as download:
        keys.press("^Stems")
    download.value.save_as(tmp_path / "stems.zip")
    check_stems(tmp_path / "stems.zip", newest(site))
