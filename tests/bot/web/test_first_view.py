"""The first view is small and quick."""

import posixpath
import re
from pathlib import Path

import pytest

from tests.bot.web.pages import OpenPage

WEB = Path(__file__).parents[3] / "bot" / "web"
LIMIT_BYTES = 150_000
LIMIT_MILLISECONDS = 1000
MOST_TRIES = 5
"""Other processes of a busy machine may take its cores meanwhile."""

MEASURE = """async () => {
  const all = performance.getEntriesByType("resource");
  const [page] = performance.getEntriesByType("navigation");
  const bytes = [page, ...all].map((entry) => entry.encodedBodySize).reduce((sum, each) => sum + each, 0);
  const marks = performance.getEntriesByName("interactive");
  return { bytes, interactive: marks[0]?.startTime ?? null };
}"""


@pytest.mark.usefixtures("song_id")
def test_the_first_view_is_below_150_kilobytes_and_interactive_within_a_second(open_page: OpenPage) -> None:
    page = open_page()
    page.wait_for_function("() => document.querySelector('.post')?.post.player.roll")
    page.wait_for_load_state("networkidle")
    first = page.evaluate(MEASURE)
    quickest = first["interactive"]
    for _ in range(MOST_TRIES):
        if quickest < LIMIT_MILLISECONDS:
            break
        page.reload()
        page.wait_for_function("() => performance.getEntriesByName('interactive').length")
        quickest = min(quickest, page.evaluate(MEASURE)["interactive"])
    assert first["bytes"] < LIMIT_BYTES
    assert quickest < LIMIT_MILLISECONDS


def test_every_module_of_the_first_view_is_preloaded() -> None:
    """Without preloading the browser finds imports one level at a time."""
    wanted, left = set(), ["main.js"]
    while left:
        path = left.pop()
        text = (WEB / path).read_text(encoding="utf-8")
        for name in re.findall(r'^import[^"\n]*"(\.[^"]+)";', text, re.MULTILINE):
            found = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if found not in wanted:
                wanted.add(found)
                left.append(found)
    html = (WEB / "index.html").read_text(encoding="utf-8")
    preloaded = re.findall(r'rel="modulepreload" href="/assets/([^"]+)"', html)
    assert sorted(wanted) == preloaded
