"""Listening: the rolls, the bar that stays, what is next, the mixer, the film, the downloads."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.bot.service import Service
from tests.bot.web.pages import COMMAND, SONG_MILLISECONDS, OpenPage, expect, make_song, post

DECK = "document.querySelector('.post').post.deck"


def open_song(open_page: OpenPage, song_id: str) -> object:
    page = open_page(f"/songs/{song_id}")
    page.locator(".player").wait_for()
    return page


def play(page: object) -> None:
    page.get_by_role("button", name="Play Dancing robots").first.click()
    page.wait_for_function(f"() => {DECK}.playing")


def test_a_post_is_shown_at_once_then_its_progress_then_the_song_plays(
    open_page: OpenPage, service_band: Service
) -> None:
    page = open_page()
    one = post(page, COMMAND)
    expect(one.locator(".words-written")).to_have_text(COMMAND)
    expect(one.locator(".doing")).to_contain_text("Waiting for the stage")
    page.evaluate(
        "() => { window.seen = new Set(); new MutationObserver(() => { const doing = document.querySelector('.doing');"
        " if (doing) seen.add(doing.textContent.split('…')[0]); }).observe(document.body, "
        "{ subtree: true, childList: true, characterData: true }); }"
    )
    with service_band.worker("simple_tune"):
        expect(one).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
    assert "Recording and filming" in page.evaluate("() => [...seen]")
    expect(one.locator(".title")).to_have_text("Dancing robots")
    one.get_by_role("button", name="Play Dancing robots").click()
    expect(one.locator(".time")).to_contain_text(re.compile("0:0[1-9] / "))
    assert page.evaluate(f"() => {DECK}.audio.currentTime") > 0.5
    before = page.evaluate("() => document.querySelector('.roll').toDataURL()")
    page.wait_for_function("before => document.querySelector('.roll').toDataURL() !== before", arg=before)
    one.get_by_role("button", name="Pause Dancing robots").click()
    assert page.evaluate(f"() => {DECK}.playing") is False


INKED = """(name) => {
  const canvas = document.querySelector(name);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const columns = new Set();
  for (let at = 3; at < data.length; at += 4) {
    if (data[at]) columns.add(Math.floor(((at >> 2) % canvas.width) * 20 / canvas.width));
  }
  return columns.size;
}"""


def test_nothing_of_the_rolls_is_empty_before_the_song_begins(open_page: OpenPage, song_id: str) -> None:
    page = open_song(open_page, song_id)
    page.wait_for_function("() => document.querySelector('.post').post.player.roll")
    assert [page.evaluate(INKED, name) for name in (".roll", ".whole")] == [20, 20]


def test_a_click_in_the_whole_song_goes_there(open_page: OpenPage, song_id: str) -> None:
    page = open_song(open_page, song_id)
    seek = page.get_by_label("Position in Dancing robots")
    box = seek.bounding_box()
    seek.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    duration = page.evaluate(f"() => {DECK}.duration")
    assert page.evaluate(f"() => {DECK}.time") == pytest.approx(duration / 2, abs=0.3)
    expect(page.get_by_label("Position in Dancing robots")).to_have_attribute(
        "aria-valuetext", re.compile("^0:0[56] of ")
    )
    page.keyboard.press("Home")
    assert page.evaluate(f"() => {DECK}.time") == 0


def test_chord_names_and_sections_stand_above_the_bars(open_page: OpenPage, song_id: str) -> None:
    page = open_song(open_page, song_id)
    drawn = page.evaluate(
        """async () => {
          const { Roll } = await import("/assets/player/roll.js");
          const canvas = document.querySelector(".roll");
          const drawn = [];
          const pen = canvas.getContext("2d");
          pen.fillText = (text, x, y) => drawn.push([text, x, y]);
          const part = { is_drum: false, notes: [[0, 4, 60, 90]] };
          const marks = { chords: [[0, "Dm7"], [2, "G7"], [4, "Cmaj7"]], sections: [[0, "A"], [4, "B"]] };
          new Roll({ duration: 12, bars: [0, 2, 4], parts: [part] }, marks).drawWindow(canvas, 0);
          return drawn;
        }"""
    )
    assert {text for text, _x, _y in drawn} == {"A", "B", "Dm7", "G7", "Cmaj7"}
    places = {text: x for text, x, _y in drawn}
    assert places["A"] < places["Dm7"] < places["G7"] < places["Cmaj7"]
    assert all(y < 18 for _text, _x, y in drawn)


def test_the_player_stays_while_the_page_scrolls(open_page: OpenPage, service_band: Service, site: str) -> None:
    for number in range(3):
        make_song(service_band, site, f"Song {number} /compose /l 10 /s 7", "simple_tune", formats=["mid", "mp3"])
    page = open_page(viewport={"width": 1000, "height": 600})
    page.get_by_role("button", name="Play Song 2").click()
    bar = page.get_by_role("region", name="Player")
    bar.get_by_role("button", name="Pause the current song").click()
    page.wait_for_function(f"() => !{DECK}.playing")
    page.mouse.wheel(0, 5000)
    page.wait_for_function("() => scrollY > 0")
    expect(bar).to_be_in_viewport()
    expect(bar.get_by_role("link", name="Song 2")).to_be_visible()
    bar.get_by_role("button", name="Next song", exact=True).click()
    expect(bar.get_by_role("link", name="Song 1")).to_be_visible()
    bar.get_by_role("button", name="Previous song").click()
    expect(bar.get_by_role("link", name="Song 2")).to_be_visible()
    bar.get_by_role("button", name="Close the player").click()
    expect(bar).to_be_hidden()


def test_the_next_song_begins_when_one_ends(open_page: OpenPage, service_band: Service, site: str) -> None:
    for number in range(3):
        make_song(service_band, site, f"Song {number} /compose /l 10 /s 7", "simple_tune", formats=["mid", "mp3"])
    page = open_page()
    page.locator(".post", has_text="Song 0").get_by_label("More for Song 0").click()
    page.get_by_role("button", name="Play next").click()
    page.get_by_role("button", name="Play Song 2").click()
    page.evaluate(f"() => {DECK}.jump({DECK}.duration - 0.3)")
    bar = page.get_by_role("region", name="Player")
    expect(bar.get_by_role("link", name="Song 0")).to_be_visible()  # it was queued
    expect(bar.get_by_role("button", name="Pause the current song")).to_be_visible()
    bar.get_by_role("button", name="Go on with the next song").click()
    bar.get_by_role("button", name="Previous song").click()
    page.evaluate("() => document.querySelectorAll('.post')[1].post.deck.jump(1e3)")
    expect(bar.get_by_role("link", name="Song 1")).to_be_visible()


@pytest.mark.usefixtures("song_id")
def test_the_volume_is_kept(open_page: OpenPage) -> None:
    page = open_page()
    play(page)
    page.get_by_label("Volume").fill("0.3")
    assert page.evaluate(f"() => {DECK}.audio.volume") == pytest.approx(0.3)
    page.reload()
    play(page)
    assert page.evaluate(f"() => {DECK}.audio.volume") == pytest.approx(0.3)


def test_parts_can_be_muted_and_soloed_while_it_plays(open_page: OpenPage, service_band: Service, site: str) -> None:
    """The song is long enough to go on until the last step on a slow machine."""
    words = "Dancing robots /compose /g heavy-metal /t 160 /l 60 /s 7"
    page = open_song(open_page, make_song(service_band, site, words, "simple_tune", formats=["mid", "mp3"]))
    play(page)
    page.locator(".mixer summary").click()
    page.get_by_role("button", name="Mute Drums").click()
    expect(page.locator(".source")).to_contain_text("your browser’s own synthesizer")
    page.wait_for_function(f"() => {DECK}.parts.playing && {DECK}.audio.paused")
    assert page.evaluate(f"() => [0, 1, 2, 3].map((part) => {DECK}.levelOf(part))") == [1, 1, 1, 0]
    page.get_by_role("button", name="Mute Drums").click()
    page.wait_for_function(f"() => !{DECK}.parts.playing && !{DECK}.audio.paused")
    page.get_by_role("button", name="Solo Bass").click()
    page.get_by_label("Level of Bass").fill("0.5")
    assert page.evaluate(f"() => [0, 1, 2, 3].map((part) => {DECK}.levelOf(part))") == [0, 0, 0.5, 0]
    page.wait_for_function(f"() => {DECK}.time > 1.5")


def test_the_synthesizer_really_sounds(open_page: OpenPage, song_id: str) -> None:
    page = open_song(open_page, song_id)
    loudness = page.evaluate(
        """async () => {
          const { makeVoice } = await import("/assets/player/voices.js");
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


def test_the_film_fills_the_screen_and_hands_its_place_back(open_page: OpenPage, song_id: str) -> None:
    page = open_song(open_page, song_id)
    page.evaluate(f"() => {DECK}.jump(3)")
    page.get_by_role("button", name="Film of Dancing robots").click()
    page.wait_for_function("() => document.fullscreenElement?.matches('.film .screen')")
    page.wait_for_function("() => document.querySelector('video').currentTime > 3.5")
    page.get_by_role("button", name="Close the film").click()
    expect(page.locator("video")).to_have_count(0)
    assert page.evaluate(f"() => {DECK}.time") > 3.5
    page.wait_for_function("() => !document.fullscreenElement")


@pytest.mark.parametrize(("label", "magic"), [("MIDI", b"MThd"), ("MP3", None), ("Film (MP4)", b"ftyp")])
def test_a_song_can_be_saved(
    open_page: OpenPage, song_id: str, tmp_path: Path, label: str, magic: bytes | None
) -> None:
    page = open_song(open_page, song_id)
    page.get_by_label("Save Dancing robots").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=label).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name.startswith("Dancing robots.")
    content = path.read_bytes()
    assert magic in content[:12] if magic else content[:3] == b"ID3" or content[0] == 0xFF


def test_the_recordings_of_the_parts_are_mixed_and_saved(
    open_page: OpenPage, service_band: Service, song_id: str, tmp_path: Path
) -> None:
    page = open_song(open_page, song_id)
    page.locator(".mixer summary").click()
    page.get_by_role("button", name="Mute Drums").click()
    page.get_by_role("button", name="Use the real sound").click()
    expect(page.locator(".source")).to_have_text("Recording each part by itself…")
    with service_band.worker("simple_tune"):
        expect(page.locator(".source")).to_have_text("You hear the recordings of the parts.", timeout=SONG_MILLISECONDS)
    play(page)
    page.wait_for_function(f"() => {DECK}.parts.buffers?.length === 4 && {DECK}.parts.playing && {DECK}.time > 1")
    loud = page.evaluate(
        f"() => {DECK}.parts.buffers.map((each) => each.getChannelData(0)"
        ".reduce((most, sample) => Math.max(most, Math.abs(sample)), 0))"
    )
    assert all(level > 0.01 for level in loud), loud
    assert page.evaluate(f"() => {DECK}.parts.outs.map((each) => each.out.gain.value)")[3] == pytest.approx(0, abs=0.01)
    page.get_by_label("Save Dancing robots").click()
    with page.expect_download() as download:
        page.get_by_text("Stems (one WAV a part)").click()
    download.value.save_as(tmp_path / "stems.zip")
    assert len(zipfile.ZipFile(tmp_path / "stems.zip").namelist()) == 4
