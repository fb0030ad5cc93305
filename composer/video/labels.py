"""Labels above the lanes of a piano roll: a row of bar numbers and section marks, and under it the chords.

Chords take a second row where one is too narrow. A label that has no room is left out; bar lines go before the middles
of bars.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from PIL import Image, ImageDraw
from PIL.ImageFont import FreeTypeFont, ImageFont

from composer.video import theme
from composer.video.layout import Span, grid
from composer.video.theme import font
from midi_data.song import Marker, Song

ROW, LOWEST_ROW = 16, 12
"""Pixels between the middles of two rows, and from the lanes up to that of the lowest one."""
LABELS_HEIGHT = 56
"""Pixels above the lanes that labels may take."""
CHORD_LAYOUTS = ((16, 1), (13, 1), (13, 2), (11, 2))
"""Letter sizes of chords in pixels with numbers of rows: the first in which all fit, else the last."""
_INDENT, _GAP = 4, 6
"""Pixels from the bar line to its label, and at least between two labels."""
_OVERHANG = 36
"""Pixels that a label may reach beyond the lanes' right end."""
_MIN_BAR_DISTANCE = 44
_SECTION_SIZE, _SECTION_PADDING = 12, 4

Letters = FreeTypeFont | ImageFont


@dataclass(slots=True)
class Row:
    """Free and taken pixels of one row, up to ``right``."""

    right: float
    taken: list[tuple[float, float]] = field(default_factory=list)

    def take(self, left: float, width: float) -> bool:
        """Take the pixels from ``left`` on if they are free."""
        place = bisect(self.taken, (left, 0.0))
        before = self.taken[place - 1][1] if place else -_GAP
        after = self.taken[place][0] if place < len(self.taken) else self.right + _GAP
        if left < before + _GAP or left + width > after - _GAP:
            return False
        self.taken.insert(place, (left, left + width))
        return True


def draw_labels(picture: Image.Image, song: Song, top: int, span: Span) -> None:
    """Draw the labels of ``span`` above the lanes, whose first pixel is ``top``: at most ``LABELS_HEIGHT`` high."""
    draw = ImageDraw.Draw(picture)
    bars = [(tick, number) for tick, number in grid(song, span.begin, span.end) if number]
    chords = placed_chords(shown(song.chord_symbols, span), {tick for tick, _ in bars} | {span.begin}, span)
    for chord in chords:
        place = (chord.left, top - LOWEST_ROW - ROW * chord.row)
        draw.text(place, chord.name, fill=theme.TEXT, font=chord.letters, anchor="lm")
    middle = top - LOWEST_ROW - ROW * (1 + max((chord.row for chord in chords), default=-1))
    row = Row(span.right + _OVERHANG)
    for mark in shown(song.sections, span):
        _draw_section(draw, row, span.x(mark.onset) + _INDENT, middle, mark.text)
    letters, free = font(13), -1.0
    for tick, number in bars:
        x = span.x(tick)
        left = x + _INDENT + next((end - begin + 5 for begin, end in row.taken if begin == x + _INDENT), 0)
        if x >= free and row.take(left, letters.getlength(str(number))):
            draw.text((left, middle), str(number), fill=theme.FAINT_TEXT, font=letters, anchor="lm")
            free = x + _MIN_BAR_DISTANCE


def shown(markers: Sequence[Marker], span: Span) -> list[Marker]:
    """The markers of ``span``; the one in force at its beginning stands there."""
    before = [mark for mark in markers if mark.onset <= span.begin]
    within = [mark for mark in markers if span.begin < mark.onset < span.end]
    return [Marker(span.begin, before[-1].text), *within] if before else within


@dataclass(frozen=True, slots=True)
class ChordLabel:
    """``left``: its first pixel. ``row``: 0 for the one next to the lanes."""

    left: float
    row: int
    name: str
    letters: Letters


def placed_chords(chords: Sequence[Marker], bar_ticks: AbstractSet[int], span: Span) -> list[ChordLabel]:
    """The labels of the ``chords`` that have room, those at ``bar_ticks`` first."""
    order = sorted(chords, key=lambda mark: (mark.onset not in bar_ticks, mark.onset))
    found: list[ChordLabel] = []
    for size, count in CHORD_LAYOUTS:
        letters, rows = font(size, bold=True), [Row(span.right + _OVERHANG) for _ in range(count)]
        found = []
        for mark in order:
            left, width = span.x(mark.onset) + _INDENT, letters.getlength(mark.text)
            free = next((number for number, row in enumerate(rows) if row.take(left, width)), None)
            if free is not None:
                found.append(ChordLabel(left, free, mark.text, letters))
        if len(found) == len(order):
            break
    return found


def _draw_section(draw: ImageDraw.ImageDraw, row: Row, left: float, middle: int, name: str) -> None:
    letters = font(_SECTION_SIZE, bold=True)
    width = letters.getlength(name) + 2 * _SECTION_PADDING
    if row.take(left, width):
        draw.rounded_rectangle((left, middle - 8, left + width, middle + 7), 3, fill=theme.BAR_LINE)
        draw.text((left + _SECTION_PADDING, middle), name, fill=theme.TEXT, font=letters, anchor="lm")
