"""The moving piano roll, frame by frame: still pages on which notes light up and a playhead passes.

A page is drawn once in each state; from frame to frame only what changes is copied, as YUV planes.
Knows what is seen when; deliberately does not know codecs, files or sound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as counter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from composer import palette, picture
from composer.palette import Colour, blend, font
from composer.picture import Look, Pixels
from composer.planes import Planes, even, from_pixels
from composer.roll import Area, Span, boxes, within
from midi_data.song import Note, Song

SIZE = (1280, 720)
WHOLE = Area(0, 0, *SIZE)
_ROLL = Area(picture.NAME_WIDTH + 40, 136, SIZE[0] - 40, 636)
_MAP = Area(40, 656, SIZE[0] - 40, 700)
_CLOCK = Area(SIZE[0] - 200, 80, SIZE[0] - 40, 104)
_PAGE_SECONDS = 7.0
"""A page holds the power of two of bars that comes nearest to this."""
_HALO = 12
"""Pixels around a note that light up with it."""
_SHORTEST_FLASH_SECONDS = 0.13
_METER_WIDTH = 6
_METER_DECAY_SECONDS = 0.3
_TRAIL = (np.linspace(0, 1, 64) ** 2 * 26).astype(np.int16)
"""Luma the playhead leaves behind, column by column."""


@dataclass(frozen=True, slots=True)
class Change:
    """From ``second`` on, note number ``owner`` of a part of ``colour`` is seen in ``state`` at ``area``."""

    second: float
    state: str
    owner: int
    area: Area
    colour: Colour


@dataclass(frozen=True, slots=True)
class Page:
    """One stretch of the song in each state. ``owners`` says for every pixel whose note it is; 0 is nobody's."""

    span: Span
    states: dict[str, Planes]
    owners: NDArray[np.int16]
    changes: tuple[Change, ...]


class Screen:
    """Draws the frames of one song's video."""

    def __init__(self, song: Song, title: str, subtitle: str) -> None:
        self.song = song
        self.look = picture.look_of(song, SIZE, _ROLL)
        self._spans = pages(song, _ROLL)
        self._sheet = _sheet(self.look, title, subtitle)
        self._played_map = from_pixels(_with_map(self._sheet, self.look, "played"))
        self._sheet = _with_map(self._sheet, self.look, "coming")
        self._clocks: dict[int, Planes] = {}

    def frames(self, count: int, frames_per_second: int) -> Iterator[Planes]:
        """``count`` frames from the song's beginning on; after its end the last page stands still."""
        levels = part_levels(self.look, count, frames_per_second)
        seconds = np.arange(count) / frames_per_second
        ticks = np.minimum(ticks_at(self.song, seconds), self.song.end)
        turns = [*np.searchsorted(ticks, [span.begin for span in self._spans]).tolist(), count]
        for span, (first, stop) in zip(self._spans, pairwise(turns), strict=True):
            if first == stop:
                continue
            page = self._page(span)
            canvas, waiting = page.states["coming"].copy(), deque(page.changes)
            for index in range(first, stop):
                while waiting and waiting[0].second <= seconds[index]:
                    _apply(waiting.popleft(), page, canvas)
                self._draw_surroundings(canvas, float(seconds[index]), float(ticks[index]), levels[index])
                yield _with_playhead(canvas, span.x(float(ticks[index])))

    def _page(self, span: Span) -> Page:
        empty = picture.ground(self.look, span, self._sheet)
        image = Image.fromarray(empty)
        picture.draw_bar_numbers(image, self.look, span)
        empty = np.array(image)
        states = {state: from_pixels(picture.shaded(empty, self.look, span, state)) for state in picture.STATES}
        return Page(span, states, *_changes(self.look, span))

    def _draw_surroundings(self, canvas: Planes, second: float, tick: float, level: NDArray[np.int64]) -> None:
        """Bring the meters, the overview and the clock up to now."""
        for lane, colour, height in zip(self.look.lanes, self.look.colours, level.tolist(), strict=True):
            left, top, bottom = 40, lane.area.top // 2 * 2, lane.area.bottom // 2 * 2
            canvas.paint(Area(left, top, left + _METER_WIDTH, bottom), blend(palette.LANE, colour, 0.3))
            canvas.paint(Area(left, bottom - height // 2 * 2, left + _METER_WIDTH, bottom), colour)
        reached = round(_MAP.left + _MAP.width * tick / max(self.song.end, 1)) // 2 * 2
        canvas.paste(self._played_map, Area(_MAP.left, _MAP.top, reached, _MAP.bottom))
        whole = int(second)
        if whole not in self._clocks:
            self._clocks[whole] = _clock(min(second, self.song.duration_seconds), self.song.duration_seconds)
        canvas.place(self._clocks[whole], _CLOCK.left, _CLOCK.top)


def pages(song: Song, area: Area) -> list[Span]:
    """The stretches of ``song`` that one page each shows: equal numbers of bars, whole bars always."""
    starts = [start for start, _ in song.bars()]
    if not starts or not song.end:
        return [Span(0, max(song.end, 1), area.left, area.right)]
    bar_seconds = song.duration_seconds / len(starts)
    bars = 2 ** max(0, round(np.log2(_PAGE_SECONDS / bar_seconds)))
    edges = [*starts[::bars], _end_of_last_bar(song)]
    # A last page of one or two bars would be drawn enormously wide: it keeps the scale of the page before.
    if len(edges) > 2:
        edges[-1] = max(edges[-1], edges[-2] + (edges[-2] - edges[-3]))
    return [Span(begin, end, area.left, area.right) for begin, end in pairwise(edges)]


def _end_of_last_bar(song: Song) -> int:
    start, meter = list(song.bars())[-1]
    return max(start + meter.bar_ticks, song.end)


def ticks_at(song: Song, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The tick that sounds at each of ``seconds``: the inverse of `Song.seconds_at`."""
    corners = [tempo.onset for tempo in song.tempos]
    corners.append(max(song.end, corners[-1]) + 1_000_000)
    return np.interp(seconds, [song.seconds_at(tick) for tick in corners], corners)


def part_levels(look: Look, count: int, frames_per_second: int) -> NDArray[np.int64]:
    """How far up each part's meter stands in each frame, in pixels of its lane: shape (count, parts)."""
    levels = np.zeros((count, len(look.tracks)))
    fade = np.exp(-np.arange(count + 1) / frames_per_second / _METER_DECAY_SECONDS)
    for part, track in enumerate(look.tracks):
        for note in track.notes:
            begin, end = _sounding(look.song, note, track.is_drum)
            frames = slice(int(np.ceil(begin * frames_per_second)), int(np.ceil(end * frames_per_second)))
            length = max(len(levels[frames]), 0)
            shape = fade[:length] if track.is_drum else 0.45 + 0.55 * fade[:length]
            levels[frames, part] = np.maximum(levels[frames, part], shape * note.velocity / 127)
    return np.rint(levels * [lane.area.height for lane in look.lanes]).astype(np.int64)


def _sounding(song: Song, note: Note, is_drum: bool) -> tuple[float, float]:
    """Seconds from which and until which ``note`` is lit. A drum hit flashes, however short it is written."""
    begin = song.seconds_at(note.onset)
    return begin, max(begin + _SHORTEST_FLASH_SECONDS, begin if is_drum else song.seconds_at(note.end))


def _sheet(look: Look, title: str, subtitle: str) -> Pixels:
    """What every page has in common: night and everything around the lanes."""
    image = Image.new("RGB", SIZE, palette.NIGHT)
    picture.draw_frame(image, look, title, subtitle)
    return np.array(image)


def _with_map(sheet: Pixels, look: Look, state: str) -> Pixels:
    """``sheet`` with the whole song small at the bottom, all of it in one state."""
    small = picture.look_of(look.song, SIZE, _MAP, gap=1)
    span = Span(0, max(look.song.end, 1), _MAP.left, _MAP.right)
    result = sheet.copy()
    picture.fill(result, _MAP, palette.LANE)
    return picture.shaded(result, small, span, state)


def _clock(second: float, duration: float) -> Planes:
    image = Image.new("RGB", (_CLOCK.width, _CLOCK.height), palette.NIGHT)
    text = f"{_minutes(second)} / {_minutes(duration)}"
    letters = font(18)
    ImageDraw.Draw(image).text((_CLOCK.width, 0), text, fill=palette.QUIET_INK, font=letters, anchor="ra")
    return from_pixels(np.array(image))


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _changes(look: Look, span: Span) -> tuple[NDArray[np.int16], tuple[Change, ...]]:
    """Whose note each pixel of the page is, and every lighting up and going out on it in order of time."""
    owners = np.zeros((SIZE[1], SIZE[0]), np.int16)
    changes, numbers = [], counter(1)
    for track, lane, colour in zip(look.tracks, look.lanes, look.colours, strict=True):
        notes = within(track, span)
        for note, box in zip(notes, boxes(notes, lane, span).tolist(), strict=True):
            owner = next(numbers)
            owners[box[1] : box[3], box[0] : box[2]] = owner
            begin, end = _sounding(look.song, note, track.is_drum)
            changes += [
                Change(second, state, owner, Area(*box), colour)
                for second, state in ((begin, "playing"), (end, "played"))
            ]
    return owners, tuple(sorted(changes, key=lambda change: change.second))


def _apply(change: Change, page: Page, canvas: Planes) -> None:
    area = even(change.area, _HALO, WHOLE)
    owners = page.owners[area.top : area.bottom, area.left : area.right]
    own, free = owners == change.owner, owners == 0
    if change.state == "playing":
        canvas.paste_where(page.states["playing"], area, own)
        canvas.glow(area, change.area, change.colour, free)
    else:
        canvas.paste_where(page.states[change.state], area, own | free)


def _with_playhead(canvas: Planes, x: float) -> Planes:
    """A copy of ``canvas`` with a bright line at ``x`` and its trail to the left."""
    frame = canvas.copy()
    line = min(max(round(x / 2) * 2, _ROLL.left), _ROLL.right - 2)
    top, bottom = _ROLL.top - 4, _ROLL.bottom + 4
    frame.light(Area(max(_ROLL.left, line - len(_TRAIL)), top, line, bottom), _TRAIL)
    frame.paint(Area(line, top, line + 2, bottom), palette.INK)
    return frame
