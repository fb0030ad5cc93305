import pytest

from composer.video import theme
from composer.video.theme import blend, drawable_text, fit_text, font, one_line, part_colours
from midi_data.song import Track

TITLES = [
    "Dancing robots",
    "Ça va, Müller? — Привет, Ελλάδα",
    "🤘🔥👩‍👩‍👧‍👦",
    "日本語のタイトル",
    "שלום עולם",
    "مرحبا",
    "a\x00b\x1b[31mc\u202egnp.exe\u200b",
    "\n\t\r ",
    "Z̸̢̛a̷l̵g̶o̴" * 20,
    "x" * 5000,
    "\ud800 alone",
    "",
]


@pytest.mark.parametrize("title", TITLES)
def test_any_title_fits_and_can_be_drawn(title: str) -> None:
    from PIL import Image, ImageDraw

    letters = font(38, bold=True)
    text = fit_text(title, letters, 400)
    assert letters.getlength(text) <= 400
    assert text.isprintable()
    ImageDraw.Draw(Image.new("RGB", (500, 60))).text((0, 0), text, font=letters)


def test_european_scripts_are_drawn_as_they_are() -> None:
    assert drawable_text(TITLES[1]) == TITLES[1]


def test_what_the_font_does_not_have_is_left_out() -> None:
    assert drawable_text("metal 🤘 forever 日本") == "metal forever"


def test_control_and_direction_characters_are_gone() -> None:
    assert one_line(TITLES[6]) == "ab[31mcgnp.exe"
    assert one_line(" two\nlines\t ") == "two lines"


def test_a_long_title_ends_in_an_ellipsis() -> None:
    assert fit_text("x" * 5000, font(20), 200).endswith("…")
    assert fit_text("short", font(20), 200) == "short"


def test_without_the_font_package_pillow_s_own_font_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme, "find_spec", lambda _name: None)
    assert theme.font.__wrapped__(20).getlength("abc") > 10


def test_sixteen_parts_have_sixteen_colours() -> None:
    band = [Track(0, is_drum=True), Track(34, is_drum=False), *(Track(30, is_drum=False) for _ in range(14))]
    assert len(set(part_colours(band))) == 16


def test_drums_and_bass_keep_their_colours() -> None:
    drums, bass = Track(0, is_drum=True), Track(34, is_drum=False)
    assert part_colours([drums, bass]) == part_colours([bass, drums])[::-1]


def test_blending_goes_from_ground_to_colour() -> None:
    assert blend((0, 0, 0), (200, 100, 50), 0.5) == (100, 50, 25)
