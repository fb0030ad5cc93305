"""What the band looks like: its colours, and text that fits and can be drawn whatever a person called the song.

Knows colours and letters; deliberately does not know where anything stands, or what a note is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from midi_data.general_midi import family_name
from midi_data.song import Track

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

Colour = tuple[int, int, int]
"""Red, green, blue, 0–255 each."""

NIGHT: Colour = (11, 13, 20)
LANE: Colour = (17, 20, 30)
LANE_ALTERNATE: Colour = (20, 24, 35)
BEAT_LINE: Colour = (27, 32, 46)
BAR_LINE: Colour = (45, 52, 72)
INK: Colour = (240, 243, 250)
QUIET_INK: Colour = (139, 148, 170)
FAINT_INK: Colour = (88, 97, 120)
WHITE: Colour = (255, 255, 255)
ACCENT: Colour = (255, 92, 92)

_DRUMS: Colour = (255, 203, 92)
_BASS: Colour = (77, 157, 255)
_OTHERS: tuple[Colour, ...] = (
    (255, 92, 92),  # coral
    (67, 217, 173),  # mint
    (178, 123, 255),  # violet
    (255, 145, 66),  # orange
    (92, 225, 240),  # cyan
    (255, 110, 190),  # pink
    (176, 224, 86),  # lime
    (120, 134, 255),  # indigo
    (240, 170, 150),  # salmon
    (60, 190, 120),  # green
    (225, 150, 255),  # orchid
    (214, 190, 120),  # sand
    (110, 190, 210),  # steel
    (255, 130, 130),  # rose
)

_MISSING = "\uffff"
"""No font has a glyph for this one, so its picture is the font's mark for a missing glyph."""


def part_colours(tracks: Sequence[Track]) -> list[Colour]:
    """A colour for each of ``tracks``: drums and bass keep theirs in every song, the others take turns."""
    result, turn, taken = [], 0, set[Colour]()
    for track in tracks:
        fixed = _DRUMS if track.is_drum else _BASS if family_name(track.program) == "Bass" else None
        if fixed is None or fixed in taken:
            fixed = _OTHERS[turn % len(_OTHERS)]
            turn += 1
        taken.add(fixed)
        result.append(fixed)
    return result


def blend(ground: Colour, colour: Colour, share: float) -> Colour:
    """``share`` (0–1) of ``colour`` over ``ground``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(ground, colour, strict=True))
    return red, green, blue


@cache
def font(size: int, *, bold: bool = False) -> FreeTypeFont | ImageFont:
    """Open Sans, ``size`` pixels high; Pillow's own font (little more than ASCII) where it is not installed."""
    from PIL import ImageFont

    spec = find_spec("ttf_opensans")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        return ImageFont.truetype(Path(folder) / "ttf" / f"OpenSans-{'Bold' if bold else 'SemiBold'}.ttf", size)
    return ImageFont.load_default(size)


def one_line(text: str) -> str:
    """``text`` on one line: compatibility forms folded, control and format characters gone, spaces joined."""
    plain = unicodedata.normalize("NFKC", text)
    kept = (c if unicodedata.category(c)[0] != "C" else " " if c.isspace() else "" for c in plain)
    return " ".join("".join(kept).split())


def drawable(text: str) -> str:
    """`one_line` of ``text`` without the characters that the font has no glyph for (emoji, many scripts)."""
    return " ".join("".join(c for c in one_line(text) if _has_glyph(c)).split())


@cache
def _has_glyph(character: str) -> bool:
    # Below 32 pixels some glyphs look alike; the size only has to be large enough to tell them apart.
    large = font(32)
    return character == " " or bytes(large.getmask(character)) != bytes(large.getmask(_MISSING))


def fitted(text: str, letters: FreeTypeFont | ImageFont, width: float) -> str:
    """`drawable` text, cut with an ellipsis where it is wider than ``width`` pixels in the font ``letters``."""
    whole = drawable(text)
    if letters.getlength(whole) <= width:
        return whole
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if letters.getlength(whole[:middle] + "…") <= width else (low, middle - 1)
    return whole[:low].rstrip() + "…"
