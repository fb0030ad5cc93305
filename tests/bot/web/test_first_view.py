"""The first view is small and quick."""

import pytest

from tests.bot.web.pages import OpenPage

LIMIT_BYTES = 150_000
LIMIT_MILLISECONDS = 1000

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
    page.reload()
    page.wait_for_function("() => performance.getEntriesByName('interactive').length")
    again = page.evaluate(MEASURE)
    assert first["bytes"] < LIMIT_BYTES
    assert min(first["interactive"], again["interactive"]) < LIMIT_MILLISECONDS
