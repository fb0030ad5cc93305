"""The still piano roll: one coloured lane a part, as a PNG and as the pages of the video."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from composer.video import theme
from composer.video.labels import draw_labels
from composer.video.layout import Area, Lane, Span, boxes, grid, lanes, notes_within
from composer.video.theme import Colour, blend, fit_text, font
from midi_data.general_midi import instrument_name
from midi_data.song import Note, Song, Track

Pixels = NDArray[np.uint8]
"""(H, W, 3), red, green, blue."""

PNG_SIZE = (1600, 900)
NAME_WIDTH = 190
"""Pixels left of the lanes for the names of the parts."""
_GLOW_RADIUS = 5
_SHARP_PIXELS, _CORNER_OPACITY = 4, 80
"""Notes larger than this, each way, have softened corners, of this opacity out of 255."""
_MIN_TWO_LINE_HEIGHT = 44
_GLOW = 0.25
"""Strength of the glow around played notes."""
_SHADES = {"coming": (0.36, 0.0), "playing": (1.0, 0.55), "played": (0.95, 0.0)}
STATES = tuple(_SHADES)
"""The states of a note: opacity of its part's colour, and of white above it."""


@dataclass(frozen=True, slots=True)
class PlacedNote:
    """A note of a part of ``colour`` at its ``area`` of a page."""

    note: Note
    area: Area
    colour: Colour
    is_drum: bool


@dataclass(frozen=True, slots=True)
class NoteLayer:
    """The ``notes`` of a page. ``owners`` (H, W): the number of the note at each pixel, from 1 in order; 0 for none."""

    notes: tuple[PlacedNote, ...]
    owners: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class PianoRoll:
    """What all pages of a song share: its parts, their colours and their lanes."""

    song: Song
    tracks: tuple[Track, ...]
    colours: tuple[Colour, ...]
    lanes: tuple[Lane, ...]
    size: tuple[int, int]

    @property
    def area(self) -> Area:
        """The area of all lanes together."""
        return Area(
            self.lanes[0].area.left, self.lanes[0].area.top, self.lanes[0].area.right, self.lanes[-1].area.bottom
        )


def piano_roll(song: Song, size: tuple[int, int], area: Area, gap: int = 3) -> PianoRoll:
    """Return the piano roll of ``song`` in ``area``, lanes ``gap`` pixels apart; parts without notes are left out."""
    tracks = tuple(track for track in song.tracks if track.notes) or song.tracks[:1] or (Track(0, is_drum=False),)
    return PianoRoll(song, tracks, tuple(theme.part_colours(tracks)), tuple(lanes(tracks, area, gap)), size)


def write_png(song: Song, path: Path, *, title: str = "", subtitle: str = "") -> None:
    """Write all of ``song`` to ``path`` as a PNG of ``PNG_SIZE``."""
    save_png(draw_song(song, title, subtitle), path)


def save_png(picture: Image.Image, path: Path) -> None:
    """Write ``picture`` to ``path`` as a PNG."""
    picture.save(path, format="PNG", optimize=False, compress_level=6)


def cover_jpeg(picture: Image.Image) -> bytes:
    """Return ``picture`` as a JPEG file of half its width and height, for tags."""
    buffer = io.BytesIO()
    picture.reduce(2).save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def draw_song(song: Song, title: str, subtitle: str) -> Image.Image:
    """Return all of ``song`` as one picture of ``PNG_SIZE``."""
    width, height = PNG_SIZE
    roll = piano_roll(song, PNG_SIZE, Area(NAME_WIDTH + 40, 160, width - 40, height - 40))
    span = Span(0, max(song.end, 1), roll.area.left, roll.area.right)
    empty = Image.new("RGB", PNG_SIZE, theme.BACKGROUND)
    draw_frame(empty, roll, title, subtitle)
    page = draw_lanes(roll, span, np.array(empty))
    page[slices(roll.area)] = draw_notes(page, roll, note_layer(roll, span), "played")
    picture = Image.fromarray(page)
    draw_labels(picture, song, roll.area.top, span)
    return picture


def draw_lanes(roll: PianoRoll, span: Span, background: Pixels) -> Pixels:
    """Return ``background`` with the empty lanes of ``span``, their bar and beat lines: (H, W, 3)."""
    pixels, area = background.copy(), roll.area
    lines = [(round(span.x(tick)) - area.left, bar) for tick, bar in grid(roll.song, span.begin, span.end)]
    dense = len(lines) > area.width // 8
    for index, lane in enumerate(roll.lanes):
        row = np.full((area.width, 3), theme.LANE if index % 2 else theme.LANE_ALTERNATE, np.uint8)
        for x, bar in lines:
            if bar or not dense:
                row[x] = theme.BAR_LINE if bar else theme.BEAT_LINE
        pixels[slices(lane.area)] = row
    return pixels


def note_layer(roll: PianoRoll, span: Span) -> NoteLayer:
    """Return the notes of ``span``, part by part; where they overlap, the later ones are in front."""
    notes: list[PlacedNote] = []
    for track, lane, colour in zip(roll.tracks, roll.lanes, roll.colours, strict=True):
        within = notes_within(track, span)
        areas = boxes(within, lane, span).tolist()
        notes += [PlacedNote(n, Area(*box), colour, track.is_drum) for n, box in zip(within, areas, strict=True)]
    width, height = roll.size
    owners = np.zeros((height, width), np.int16)
    for number, each in enumerate(notes, start=1):
        owners[slices(each.area)] = number
    return NoteLayer(tuple(notes), owners)


def draw_notes(page: Pixels, roll: PianoRoll, layer: NoteLayer, state: str) -> Pixels:
    """Return the lanes of ``page`` with the notes of ``layer`` in ``state``, one of ``STATES``; played notes glow.

    ``page`` (H, W, 3); the result has the size of ``roll.area``.
    """
    lanes = slices(roll.area)
    ground, owners = page[lanes].copy(), layer.owners[lanes]
    shades = np.array([(0, 0, 0), *(_shade(each.colour, each.note.velocity, state) for each in layer.notes)], np.uint8)
    shown = owners > 0
    if state == "played":
        notes = np.zeros(ground.shape, np.uint8)
        _packed(notes)[shown] = _packed(shades)[owners[shown]]
        halo = _halo(notes, _GLOW)
        ground[:] = np.minimum(ground, 255 - halo) + halo
    y, x = _corners(roll, layer)
    under = ground[y, x].astype(np.uint16)
    _packed(ground)[shown] = _packed(shades)[owners[shown]]
    ground[y, x] = _mixed(ground[y, x], under)
    return ground


def _packed(pixels: Pixels) -> NDArray[np.void]:
    """Return a view (…,) of ``pixels`` (…, 3), one element a pixel: masks select these five times as fast."""
    return pixels.view("V3")[..., 0]


def _corners(roll: PianoRoll, layer: NoteLayer) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return y and x, from the lanes' first pixel, of the visible corners of notes that are large enough: (N,) each."""
    area = roll.area
    sharp = [
        (number, each.area)
        for number, each in enumerate(layer.notes, start=1)
        if min(each.area.width, each.area.height) > _SHARP_PIXELS
    ]
    corners = np.array(
        [(number, y, x) for number, a in sharp for y in (a.top, a.bottom - 1) for x in (a.left, a.right - 1)], np.int64
    ).reshape(-1, 3)
    _, y, x = corners[layer.owners[corners[:, 1], corners[:, 2]] == corners[:, 0]].T
    return y - area.top, x - area.left


def _mixed(over: Pixels, under: NDArray[np.uint16]) -> Pixels:
    """Return ``over`` (N, 3) with the opacity of a corner above ``under`` (N, 3)."""
    total = over * np.uint16(_CORNER_OPACITY) + under * np.uint16(255 - _CORNER_OPACITY) + np.uint16(128)
    return np.asarray(((total >> 8) + total) >> 8, np.uint8)


def _halo(notes: Pixels, strength: float) -> Pixels:
    """Return the glow around ``notes`` (H, W, 3), computed at half the size: (H, W, 3)."""
    image = Image.fromarray(notes)
    small = image.reduce(2).filter(ImageFilter.GaussianBlur(_GLOW_RADIUS / 2))
    return np.asarray(small.point(lambda value: value * strength).resize(image.size, Image.Resampling.BILINEAR))


def slices(area: Area) -> tuple[slice, slice]:
    """Return the rows and columns of ``area`` in an array (H, W, …)."""
    return slice(area.top, area.bottom), slice(area.left, area.right)


@lru_cache(maxsize=4096)
def _shade(colour: Colour, velocity: int, state: str) -> Colour:
    opacity, white = _SHADES[state]
    return blend(blend(theme.LANE, colour, opacity * (0.6 + 0.4 * velocity / 127)), theme.WHITE, white)


def fill(pixels: Pixels, area: Area, colour: Colour) -> None:
    """Paint ``area`` of ``pixels`` in one colour."""
    pixels[slices(area)] = colour


def draw_frame(picture: Image.Image, roll: PianoRoll, title: str, subtitle: str) -> None:
    """Draw everything around the lanes: title, subtitle, the software's name and the names of the parts."""
    draw = ImageDraw.Draw(picture)
    width, _ = roll.size
    large, small = font(38, bold=True), font(18)
    brand = font(20, bold=True)
    brand_left = width - 40 - brand.getlength("riffbird")
    draw.text((40, 26), fit_text(title, large, brand_left - 80) or "Riffbird", fill=theme.TEXT, font=large)
    draw.text((41, 78), fit_text(subtitle, small, width - 300), fill=theme.MUTED_TEXT, font=small)
    draw.text((brand_left, 38), "riffbird", fill=theme.MUTED_TEXT, font=brand)
    draw.ellipse((brand_left - 18, 48, brand_left - 8, 58), fill=theme.ACCENT)
    for lane, track, name, colour in zip(roll.lanes, roll.tracks, part_names(roll.tracks), roll.colours, strict=True):
        instrument = instrument_name(track.program, track.is_drum)
        _draw_part(draw, lane, name, "" if name.startswith(instrument) else instrument, colour)


def _draw_part(draw: ImageDraw.ImageDraw, lane: Lane, name: str, instrument: str, colour: Colour) -> None:
    left = lane.area.left - NAME_WIDTH
    draw.rounded_rectangle((left, lane.area.top, left + 4, lane.area.bottom - 1), 2, fill=colour)
    letters, small = font(15 if lane.area.height >= 24 else 11), font(12)
    middle = (lane.area.top + lane.area.bottom) / 2
    two_lines = bool(instrument) and lane.area.height >= _MIN_TWO_LINE_HEIGHT
    text = fit_text(name, letters, NAME_WIDTH - 30)
    draw.text((left + 16, middle - 9 * two_lines), text, fill=theme.TEXT, font=letters, anchor="lm")
    if two_lines:
        text = fit_text(instrument, small, NAME_WIDTH - 30)
        draw.text((left + 16, middle + 10), text, fill=theme.MUTED_TEXT, font=small, anchor="lm")


def part_names(tracks: Sequence[Track]) -> list[str]:
    """Return each part's own name, or its instrument's; equal names are numbered."""
    names = [theme.drawable_text(track.name) or instrument_name(track.program, track.is_drum) for track in tracks]
    return [
        f"{name} {names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]
