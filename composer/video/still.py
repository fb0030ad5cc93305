"""The song as a picture: a dark piano roll with one coloured lane a part, and what its video is painted with.

Knows how a roll looks; deliberately does not know time as it passes (that is the video), sound or files but PNG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from composer.video import theme
from composer.video.layout import Area, Lane, Span, boxes, grid, lanes, within
from composer.video.theme import Colour, blend, fitted, font
from midi_data.general_midi import instrument_name
from midi_data.song import Song, Track

Pixels = NDArray[np.uint8]
"""Shape (height, width, 3), red, green, blue."""

PICTURE_SIZE = (1600, 900)
NAME_WIDTH = 190
"""Pixels left of the lanes, for the names of the parts."""
_GLOW_RADIUS = 5
_ROUND_FROM = 4
"""Notes of more pixels than this, each way, have softened corners."""
_LEAST_LABEL_DISTANCE, _TWO_LINES_FROM = 44, 44
_GLOW = 0.25
"""How strongly played notes light up what is around them."""
_SHADES = {"coming": (0.36, 0.0), "playing": (1.0, 0.55), "played": (0.95, 0.0)}
STATES = tuple(_SHADES)
"""How much of its part's colour a note has over the ground, and how much white over that."""


@dataclass(frozen=True, slots=True)
class Look:
    """What stays the same on every page: who plays, in which colour, and where."""

    song: Song
    tracks: tuple[Track, ...]
    colours: tuple[Colour, ...]
    lanes: tuple[Lane, ...]
    size: tuple[int, int]

    @property
    def roll(self) -> Area:
        """The area of all lanes together."""
        return Area(
            self.lanes[0].area.left, self.lanes[0].area.top, self.lanes[0].area.right, self.lanes[-1].area.bottom
        )


def look_of(song: Song, size: tuple[int, int], area: Area, gap: int = 3) -> Look:
    """The look of ``song``: lanes in ``area``, ``gap`` pixels apart; parts without notes are left out (but one)."""
    tracks = tuple(track for track in song.tracks if track.notes) or song.tracks[:1] or (Track(0, is_drum=False),)
    return Look(song, tracks, tuple(theme.part_colours(tracks)), tuple(lanes(tracks, area, gap)), size)


def write_picture(song: Song, path: Path, *, title: str = "", subtitle: str = "") -> None:
    """Write the whole of ``song`` to ``path`` as a PNG of ``PICTURE_SIZE``."""
    width, height = PICTURE_SIZE
    look = look_of(song, PICTURE_SIZE, Area(NAME_WIDTH + 40, 140, width - 40, height - 40))
    span = Span(0, max(song.end, 1), look.roll.left, look.roll.right)
    empty = Image.new("RGB", PICTURE_SIZE, theme.NIGHT)
    draw_frame(empty, look, title, subtitle)
    picture = Image.fromarray(shaded(ground(look, span, np.array(empty)), look, span, "played"))
    draw_bar_numbers(picture, look, span)
    picture.save(path, format="PNG", optimize=False, compress_level=6)


def ground(look: Look, span: Span, sheet: Pixels) -> Pixels:
    """A copy of ``sheet`` with the empty lanes of ``span`` on it, with their beats and bars."""
    pixels = sheet.copy()
    lines = [(round(span.x(tick)), bar) for tick, bar in grid(look.song, span.begin, span.end)]
    dense = len(lines) > look.roll.width // 8
    for index, lane in enumerate(look.lanes):
        fill(pixels, lane.area, theme.LANE if index % 2 else theme.LANE_ALTERNATE)
        for x, bar in lines:
            if bar or not dense:
                pixels[lane.area.top : lane.area.bottom, x] = theme.BAR_LINE if bar else theme.BEAT_LINE
    return pixels


def shaded(page: Pixels, look: Look, span: Span, state: str) -> Pixels:
    """A copy of ``page`` with the notes of ``span`` in one of the states of ``_SHADES``, glowing where they do."""
    area, result = look.roll, page.copy()
    notes, mask = np.zeros_like(page), np.zeros(page.shape[:2], np.uint8)
    for track, lane, colour in zip(look.tracks, look.lanes, look.colours, strict=True):
        for note, box in zip(sounding := within(track, span), boxes(sounding, lane, span), strict=True):
            _paint_note(notes, mask, Area(*box.tolist()), _shade(colour, note.velocity, state))
    seen = slice(area.top, area.bottom), slice(area.left, area.right)
    under, over = Image.fromarray(page[seen]), Image.fromarray(notes[seen])
    if state == "played":
        under = ImageChops.add(under, _halo(over, _GLOW))
    result[seen] = np.asarray(Image.composite(over, under, Image.fromarray(mask[seen])))
    return result


def _paint_note(notes: Pixels, mask: NDArray[np.uint8], area: Area, colour: Colour) -> None:
    fill(notes, area, colour)
    mask[area.top : area.bottom, area.left : area.right] = 255
    if min(area.width, area.height) > _ROUND_FROM:
        ends, sides = [area.top, area.bottom - 1], [area.left, area.right - 1]
        mask[np.ix_(ends, sides)] = 80


def _halo(notes: Image.Image, strength: float) -> Image.Image:
    """The light around ``notes``, worked out at half the size: it is blurred anyhow."""
    small = notes.reduce(2).filter(ImageFilter.GaussianBlur(_GLOW_RADIUS / 2))
    return small.point(lambda value: value * strength).resize(notes.size, Image.Resampling.BILINEAR)


@lru_cache(maxsize=4096)
def _shade(colour: Colour, velocity: int, state: str) -> Colour:
    share, white = _SHADES[state]
    return blend(blend(theme.LANE, colour, share * (0.6 + 0.4 * velocity / 127)), theme.WHITE, white)


def fill(pixels: Pixels, area: Area, colour: Colour) -> None:
    """Paint ``area`` of ``pixels`` in one colour."""
    pixels[area.top : area.bottom, area.left : area.right] = colour


def draw_frame(picture: Image.Image, look: Look, title: str, subtitle: str) -> None:
    """Draw what stands around the lanes: title, subtitle, the band's name, and the parts as the legend."""
    draw = ImageDraw.Draw(picture)
    width, _ = look.size
    large, small = font(38, bold=True), font(18)
    brand = font(20, bold=True)
    brand_left = width - 40 - brand.getlength("riffbird")
    draw.text((40, 26), fitted(title, large, brand_left - 80) or "Riffbird", fill=theme.INK, font=large)
    draw.text((41, 78), fitted(subtitle, small, width - 300), fill=theme.QUIET_INK, font=small)
    draw.text((brand_left, 38), "riffbird", fill=theme.QUIET_INK, font=brand)
    draw.ellipse((brand_left - 18, 48, brand_left - 8, 58), fill=theme.ACCENT)
    for lane, track, name, colour in zip(look.lanes, look.tracks, part_names(look.tracks), look.colours, strict=True):
        instrument = instrument_name(track.program, track.is_drum)
        _draw_part(draw, lane, name, "" if name.startswith(instrument) else instrument, colour)


def _draw_part(draw: ImageDraw.ImageDraw, lane: Lane, name: str, instrument: str, colour: Colour) -> None:
    left = lane.area.left - NAME_WIDTH
    draw.rounded_rectangle((left, lane.area.top, left + 4, lane.area.bottom - 1), 2, fill=colour)
    letters, small = font(15 if lane.area.height >= 24 else 11), font(12)
    middle = (lane.area.top + lane.area.bottom) / 2
    two_lines = bool(instrument) and lane.area.height >= _TWO_LINES_FROM
    text = fitted(name, letters, NAME_WIDTH - 30)
    draw.text((left + 16, middle - 9 * two_lines), text, fill=theme.INK, font=letters, anchor="lm")
    if two_lines:
        text = fitted(instrument, small, NAME_WIDTH - 30)
        draw.text((left + 16, middle + 10), text, fill=theme.QUIET_INK, font=small, anchor="lm")


def part_names(tracks: Sequence[Track]) -> list[str]:
    """What each part is called: its own name, or its instrument's; namesakes are numbered."""
    names = [theme.drawable(track.name) or instrument_name(track.program, track.is_drum) for track in tracks]
    return [
        f"{name} {names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]


def draw_bar_numbers(picture: Image.Image, look: Look, span: Span) -> None:
    """Draw the bars' numbers over the lanes, as many as there is room for."""
    draw, letters = ImageDraw.Draw(picture), font(13)
    free = -1.0
    for tick, bar in grid(look.song, span.begin, span.end):
        x = span.x(tick)
        if bar and x >= free:
            draw.text((x + 4, look.roll.top - 20), str(bar), fill=theme.FAINT_INK, font=letters)
            free = x + _LEAST_LABEL_DISTANCE
