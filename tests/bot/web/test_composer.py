"""Writing a post: the line, the controls that write into it, a file, what is sent."""

from pathlib import Path

import httpx
import pytest

from midi_data.io.midi_writer import write_midi
from tests.bot.service import Service
from tests.bot.web.pages import SONG_MILLISECONDS, OpenPage, expect, post
from tests.songs import riff


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    write_midi(riff(), tmp_path / "mine.mid")
    return tmp_path / "mine.mid"


def wishes(page: object) -> object:
    page.get_by_role("button", name="More wishes").click()
    page.locator(".wish").first.wait_for()
    return page


def line(page: object) -> object:
    return page.locator("#text")


def test_the_controls_are_hidden_until_wanted(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("#wishes")).to_be_hidden()
    assert page.locator("#text").bounding_box()["height"] < 60
    wishes(page)
    expect(page.get_by_role("group", name="Genre").first).to_be_visible()
    page.get_by_role("button", name="Fewer wishes").click()
    expect(page.locator("#wishes")).to_be_hidden()


def test_every_word_has_a_control_that_writes_it(open_page: OpenPage) -> None:
    page = wishes(open_page())
    page.fill("#text", "Robots")
    page.get_by_role("button", name="jazz", exact=True).click()
    page.locator("#tempo").fill("150")
    page.locator("#randomness").fill("0.8")
    page.locator("#length").fill("60")
    page.locator("#key").select_option("Dm")
    page.locator("#chords").fill("Dm7 | G7")
    page.locator("#instrument").fill("vibraphone")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("#seed").fill("42")
    page.get_by_label("in embedding space").check()
    page.locator("#variation").fill("7")
    expected = "Robots /compose /g jazz /t 150 /r 0.8 /l 60 /k Dm /c Dm7 | G7 /i vibraphone /s 42 /e /v 7"
    expect(line(page)).to_have_value(expected)


def test_a_blend_has_a_fader(open_page: OpenPage) -> None:
    page = wishes(open_page())
    page.get_by_role("button", name="jazz", exact=True).click()
    page.get_by_label("Blend with").select_option("folk")
    page.get_by_label("Share of the second genre").fill("0.3")
    expect(line(page)).to_have_value("/compose /g jazz:0.70+folk:0.30")
    expect(page.get_by_label("Share of the second genre")).to_have_attribute("aria-valuetext", "70 % jazz, 30 % folk")


def test_the_line_stays_editable_and_the_controls_follow_it(open_page: OpenPage) -> None:
    page = wishes(open_page())
    page.fill("#text", "Robots /compose /genre metal /t 99 /k F# minor /c Am F-G /i piano,bass /e")
    expect(page.locator("#tempo-value")).to_have_text("99 bpm")
    expect(page.locator('[data-genre="heavy-metal"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#key")).to_have_value("F#m")
    expect(page.locator(".bar-button")).to_have_text(["Am", "F-G"])
    expect(page.get_by_role("list", name="Players").get_by_role("button")).to_have_text(["piano ×", "bass ×"])
    expect(page.get_by_label("in embedding space")).to_be_checked()


@pytest.mark.parametrize("name", ["tempo", "randomness", "length"])
def test_a_slider_goes_back_to_any_and_to_its_place(open_page: OpenPage, name: str) -> None:
    page = wishes(open_page())
    slider, rest = page.locator(f"#{name}"), page.locator(f"#{name}").input_value()
    slider.fill("60" if name != "randomness" else "0.9")
    expect(page.locator(f"#{name}-any")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name=f"Any {name}").click()
    expect(slider).to_have_value(rest)
    expect(slider).to_have_class("unset")
    expect(line(page)).to_have_value("/compose")


def test_sliders_are_back_in_their_place_after_sending(open_page: OpenPage) -> None:
    page = wishes(open_page())
    rest = page.locator("#tempo").input_value()
    page.locator("#tempo").fill("300")
    page.click("#send")
    wishes(page)
    expect(page.locator("#tempo")).to_have_value(rest)
    expect(page.locator("#tempo-value")).to_have_text("the genre’s")


def test_chords_are_clicked_bar_by_bar(open_page: OpenPage) -> None:
    page = wishes(open_page())
    root, quality = (page.get_by_role("group", name=f"{part} of the chord") for part in ("Root", "Quality"))
    for index, (tonic, kind) in enumerate([("D", "m7"), ("G", "7"), ("C", "maj7"), ("A", "7")]):
        if index:
            page.get_by_role("button", name="Add bar").click()
        root.get_by_role("button", name=tonic, exact=True).click()
        quality.get_by_role("button", name=kind, exact=True).click()
    expect(line(page)).to_have_value("/compose /c Dm7 | G7 | Cmaj7 | A7")
    page.get_by_role("button", name="Bar 2: G7").click()
    page.get_by_role("button", name="Remove bar").click()
    expect(page.locator("#chords")).to_have_value("Dm7 | Cmaj7 | A7")


def test_a_band_without_drums(open_page: OpenPage) -> None:
    page = wishes(open_page())
    page.get_by_role("button", name="jazz", exact=True).click()
    page.get_by_role("button", name="Without drums").click()
    players = page.get_by_role("list", name="Players").get_by_role("button")
    expect(players.first).to_be_visible()
    assert "drums" not in line(page).input_value()
    players.first.click()
    expect(page.get_by_role("button", name="Without drums")).to_be_disabled()
    page.get_by_role("button", name="Any band").click()
    expect(line(page)).to_have_value("/compose /g jazz")


def test_the_page_says_that_it_adds_compose(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#text", "Late bus")
    expect(page.locator("#preview")).to_have_text("Is posted as: Late bus /compose")
    page.click("#send")
    expect(page.locator(".post .words-written").first).to_have_text("Late bus /compose")


def test_characters_are_counted_and_too_many_cannot_be_sent(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("#send")).to_be_disabled()
    page.fill("#text", "🎸" * 260 + " /compose")
    expect(page.locator("#count")).to_have_text("11 characters left")
    page.fill("#text", "x" * 281 + " /compose")
    expect(page.locator("#count")).to_have_text("10 characters too many")
    expect(page.locator("#send")).to_be_disabled()


def drop(page: object, use: str, content: bytes, name: str) -> None:
    """Drag a file over the page and drop it on the zone of ``use``."""
    page.evaluate(
        """async ([use, bytes, name]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], name));
          document.body.dispatchEvent(new DragEvent("dragover", { dataTransfer: transfer, bubbles: true }));
          const zone = document.querySelector(`.drop-zone[data-use=${use}]`);
          if (!zone.checkVisibility()) throw new Error("the zones are hidden");
          zone.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
        }""",
        [use, list(content), name],
    )


def test_a_dropped_file_is_gone_on_from(open_page: OpenPage, service_band: Service, midi: Path) -> None:
    page = open_page()
    drop(page, "primer", midi.read_bytes(), "mine.mid")
    expect(page.locator("#file")).to_contain_text("Go on from this file: mine.mid")
    one = post(page, "Onward /compose")
    expect(page.locator("#file")).to_be_hidden()
    with service_band.worker("continuing"):
        expect(one).to_have_attribute("data-status", "done", timeout=SONG_MILLISECONDS)
    expect(one.locator(".title")).to_contain_text("continues")


def test_a_file_is_chosen_without_dragging_and_removed_again(open_page: OpenPage, midi: Path) -> None:
    page = wishes(open_page())
    page.get_by_label("Like this file").set_input_files(midi)
    expect(page.locator("#file")).to_contain_text("Like this file: mine.mid")
    page.get_by_role("button", name="Remove file").click()
    expect(page.locator("#file")).to_be_hidden()
    page.get_by_label("Like this file").set_input_files(midi)
    page.click("#send")
    expect(page.locator(".post .doing")).to_contain_text("Waiting for the stage")


def test_a_file_that_is_no_midi_is_refused_at_once(open_page: OpenPage) -> None:
    page = open_page()
    drop(page, "like", b"RIFF....WAVE", "noise.wav")
    expect(page.locator("#toast")).to_have_text("noise.wav is no MIDI file: one begins with MThd.")
    expect(page.locator("#file")).to_be_hidden()


def test_a_refused_command_is_answered_by_the_band(open_page: OpenPage) -> None:
    one = post(open_page(), "x /compose /t fast")
    expect(one.locator(".problem")).to_contain_text("Tempo is a number from 40 to 300")
    expect(one.get_by_role("button", name="Send now")).to_have_count(0)


def test_a_surprise_is_a_whole_post(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("button", name="Surprise me").click()
    assert "/compose /g " in line(page).input_value()


def test_the_words_of_the_controls_are_understood_by_the_parser(open_page: OpenPage, site: str) -> None:
    """What the controls write is read without a notice."""
    page = wishes(open_page())
    page.get_by_role("button", name="jazz", exact=True).click()
    page.get_by_role("button", name="Usual jazz band").click()
    for quality in page.get_by_role("group", name="Quality of the chord").get_by_role("button").all():
        quality.click()
        page.get_by_role("button", name="Add bar").click()
    for root in page.get_by_role("group", name="Root of the chord").get_by_role("button").all():
        root.click()
        page.get_by_role("button", name="Add bar").click()
    answer = httpx.post(f"{site}/compositions", json={"text": "x " + line(page).input_value()})
    assert (answer.status_code, answer.json()["notices"]) == (202, [])


def test_every_key_of_the_list_is_understood(open_page: OpenPage, site: str) -> None:
    page = wishes(open_page())
    keys = page.locator("#key option").evaluate_all("(options) => options.map((each) => each.value).filter(Boolean)")
    assert len(keys) == 24
    answers = [httpx.post(f"{site}/compositions", json={"text": f"x /compose /k {key}"}) for key in keys]
    assert [answer.status_code for answer in answers] == [202] * 24
