"""The page for everybody: axe, zoom, reduced motion, touch."""

from importlib.resources import files

import pytest

from tests.bot.web.pages import OpenPage, expect

SIZES = {"desktop": (1280, 900), "tablet": (820, 1100), "phone": (390, 800)}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: object) -> list[str]:
    """Rule and first element of each violation that axe-core finds in the page as it is now."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("(tags) => axe.run({ runOnly: tags }).then((result) => result.violations)", RULES)
    return [
        f"{each['id']} ({each['impact']}) × {len(each['nodes'])}: {each['nodes'][0]['html'][:160]}" for each in found
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.usefixtures("song_id")
def test_axe_finds_nothing(open_page: OpenPage, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    page = open_page(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
    page.locator(".player").wait_for()
    page.locator("#welcome").wait_for()
    found = violations(page)
    page.get_by_role("button", name="More wishes").click()
    page.get_by_role("button", name="jazz", exact=True).click()
    page.get_by_label("Blend with").select_option("folk")
    page.locator("#chords").fill("Dm7 | G7")
    page.get_by_role("button", name="Usual jazz band").click()
    found += violations(page)
    page.get_by_role("button", name="Fewer wishes").click()
    page.get_by_role("button", name="Play Dancing robots").click()
    page.locator(".mixer summary").click()
    page.get_by_label("Save Dancing robots").click()
    found += violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Remix: Dancing robots").click()
    expect(page.locator("#reply")).to_be_visible()
    found += violations(page)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Help and keys").click()
    found += violations(page)
    assert found == []


@pytest.mark.parametrize("width", [640, 320])  # 1280 px at 200 % and at 400 % zoom
@pytest.mark.usefixtures("song_id")
def test_everything_is_reached_at_two_and_four_times_the_size(open_page: OpenPage, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 450})
    page.locator(".player").wait_for()
    page.get_by_role("button", name="More wishes").click()
    page.get_by_role("button", name="Usual band").wait_for()
    page.get_by_role("button", name="Play Dancing robots").click()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    for kind in ("Again", "Vary", "Extend", "Remix"):
        page.get_by_role("button", name=f"{kind}: Dancing robots").click(trial=True)
    wide = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, summary, a")].filter((each) => {
          const box = each.getBoundingClientRect();
          const shown = each.checkVisibility() && box.width > 1 && !each.closest(".house, .skip");
          return shown && (box.left < -1 || box.right > innerWidth + 1);
        }).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert wide == []


@pytest.mark.usefixtures("song_id")
def test_targets_are_at_least_24_pixels(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 390, "height": 800})
    page.locator(".player").wait_for()
    page.get_by_role("button", name="More wishes").click()
    page.get_by_role("button", name="jazz", exact=True).wait_for()
    page.locator(".mixer summary").click()
    page.get_by_label("Save Dancing robots").click()
    small = page.evaluate(
        """() => [...document.querySelectorAll(
          "button, select, summary, textarea, .entry, .radio, .check, .file-button"
        )].filter((each) => {
          const box = each.getBoundingClientRect();
          return each.checkVisibility() && box.width > 1 && (box.width < 24 || box.height < 24);
        }).map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert small == []


def test_nothing_moves_where_motion_is_not_wanted(open_page: OpenPage, song_id: str) -> None:
    page = open_page(f"/songs/{song_id}", reduced_motion="reduce")
    page.wait_for_function("() => document.querySelector('.post')?.post.player.roll")
    assert page.evaluate("() => document.getAnimations().length") == 0
    places = page.evaluate(
        """() => {
          const canvas = document.querySelector(".roll");
          const { roll } = document.querySelector(".post").post.player;
          const pen = canvas.getContext("2d");
          const draw = (now) => {
            const drawn = [];
            pen.fillRect = (x) => drawn.push(x);
            roll.drawWindow(canvas, now);
            return drawn.slice(0, -1);
          };
          return [draw(2), draw(4)];
        }"""
    )
    assert places[0] == places[1]  # only the playhead is elsewhere
