"""Colours and fonts of pictures, and titles reduced to text that can be drawn and fits."""

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

BACKGROUND: Colour = (11, 13, 20)
LANE: Colour = (17, 20, 30)
LANE_ALTERNATE: Colour = (20, 24, 35)
BEAT_LINE: Colour = (27, 32, 46)
BAR_LINE: Colour = (45, 52, 72)
TEXT: Colour = (240, 243, 250)
MUTED_TEXT: Colour = (139, 148, 170)
FAINT_TEXT: Colour = (88, 97, 120)
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
"""A noncharacter: it is drawn as the font's mark for a missing glyph."""


def part_colours(tracks: Sequence[Track]) -> list[Colour]:
    """Return a colour for each of ``tracks``: drums and bass have fixed ones, the others take turns."""
    result, turn, taken = [], 0, set[Colour]()
    for track in tracks:
        fixed = _DRUMS if track.is_drum else _BASS if family_name(track.program) == "Bass" else None
        if fixed is None or fixed in taken:
            fixed = _OTHERS[turn % len(_OTHERS)]
            turn += 1
        taken.add(fixed)
        result.append(fixed)
    return result


def blend(ground: Colour, colour: Colour, opacity: float) -> Colour:
    """Return ``colour`` over ``ground`` at ``opacity`` (0–1)."""
    red, green, blue = (round(a + (b - a) * opacity) for a, b in zip(ground, colour, strict=True))
    return red, green, blue


@cache
def font(size: int, *, bold: bool = False) -> FreeTypeFont | ImageFont:
    """Return Open Sans, ``size`` pixels high, or Pillow's own font (little more than ASCII) if it is not installed."""
    from PIL import ImageFont

    spec = find_spec("ttf_opensans")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        return ImageFont.truetype(Path(folder) / "ttf" / f"OpenSans-{'Bold' if bold else 'SemiBold'}.ttf", size)
    return ImageFont.load_default(size)


def one_line(text: str) -> str:
    """Return ``text`` in NFKC on one line, without control and format characters, spaces joined."""
    plain = unicodedata.normalize("NFKC", text)
    kept = (c if unicodedata.category(c)[0] != "C" else " " if c.isspace() else "" for c in plain)
    return " ".join("".join(kept).split())


def drawable_text(text: str) -> str:
    """Return `one_line` of ``text`` without the characters that the font has no glyph for (emoji, many scripts)."""
    return " ".join("".join(c for c in one_line(text) if _has_glyph(c)).split())


@cache
def _has_glyph(character: str) -> bool:
    # Below 32 pixels the bitmaps of different glyphs can be equal.
    large = font(32)
    return character == " " or bytes(large.getmask(character)) != bytes(large.getmask(_MISSING))


def fit_text(text: str, letters: FreeTypeFont | ImageFont, width: float) -> str:
    """Return `drawable_text` of ``text``, cut with an ellipsis where it is wider than ``width`` pixels."""
    full = drawable_text(text)
    if letters.getlength(full) <= width:
        return full
    low, high = 0, len(full)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if letters.getlength(full[:middle] + "…") <= width else (low, middle - 1)
    return full[:low].rstrip() + "…"
