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

from composer.video import still, theme
from composer.video.layout import Area, Span, boxes, within
from composer.video.still import Look, Pixels
from composer.video.theme import Colour, blend, font
from composer.video.yuv import Planes, even, from_pixels
from midi_data.song import Note, Song

SIZE = (1280, 720)
WHOLE = Area(0, 0, *SIZE)
_ROLL = Area(still.NAME_WIDTH + 40, 136, SIZE[0] - 40, 636)
_MAP = Area(40, 656, SIZE[0] - 40, 700)
_CLOCK = Area(SIZE[0] - 200, 80, SIZE[0] - 40, 104)
_PAGE_SECONDS = 7.0
"""A page holds the power of two of bars that comes nearest to this."""
_HALO = 12
"""Pixels around a note that light up with it."""
_SHORTEST_FLASH_SECONDS = 0.13
_METER_LEFT, _METER_WIDTH = 40, 6
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
        self.look = still.look_of(song, SIZE, _ROLL)
        self._spans = pages(song, _ROLL)
        self._sheet = _sheet(self.look, title, subtitle)
        self.played_map = from_pixels(_with_map(self._sheet, self.look, "played"))
        self._sheet = _with_map(self._sheet, self.look, "coming")
        self._clocks: dict[int, Planes] = {}

    def frames(self, count: int, frames_per_second: int) -> Iterator[Planes]:
        """``count`` frames from the song's beginning on; after its end the last page stands still.

        A page is one frame that is drawn on from picture to picture: whoever keeps one keeps a copy.
        """
        levels = part_levels(self.look, count, frames_per_second)
        seconds = np.arange(count) / frames_per_second
        ticks = np.minimum(ticks_at(self.song, seconds), self.song.end)
        turns = [*np.searchsorted(ticks, [span.begin for span in self._spans]).tolist(), count]
        for span, (first, stop) in zip(self._spans, pairwise(turns), strict=True):
            if first == stop:
                continue
            page = self._page(span)
            canvas, waiting = page.states["coming"], deque(page.changes)
            around, playhead = _Surroundings(self, canvas), _Playhead(canvas)
            for index in range(first, stop):
                playhead.leave()
                while waiting and waiting[0].second <= seconds[index]:
                    _apply(waiting.popleft(), page, canvas)
                around.show(float(seconds[index]), float(ticks[index]), levels[index].tolist())
                playhead.stand(span.x(float(ticks[index])))
                yield canvas

    def _page(self, span: Span) -> Page:
        empty = still.ground(self.look, span, self._sheet)
        image = Image.fromarray(empty)
        still.draw_bar_numbers(image, self.look, span)
        empty = np.array(image)
        states = {state: from_pixels(still.shaded(empty, self.look, span, state)) for state in still.STATES}
        return Page(span, states, *_changes(self.look, span))

    def clock(self, second: int) -> Planes:
        """The clock at a whole ``second``."""
        if second not in self._clocks:
            self._clocks[second] = _clock(min(second, self.song.duration_seconds), self.song.duration_seconds)
        return self._clocks[second]


class _Surroundings:
    """The meters, the overview and the clock on one page's ``canvas``: only what changes is drawn again."""

    def __init__(self, screen: Screen, canvas: Planes) -> None:
        self._screen, self._canvas = screen, canvas
        self._second, self._reached = -1, _MAP.left
        lanes = zip(screen.look.lanes, screen.look.colours, strict=True)
        self._meters = [_Meter(canvas, lane.area, colour) for lane, colour in lanes]

    def show(self, second: float, tick: float, levels: list[int]) -> None:
        """Bring everything up to now; ``levels``: how high each part's meter stands, in pixels."""
        for meter, level in zip(self._meters, levels, strict=True):
            meter.show(level)
        reached = round(_MAP.left + _MAP.width * tick / max(self._screen.song.end, 1)) // 2 * 2
        if reached > self._reached:
            self._canvas.paste(self._screen.played_map, Area(self._reached, _MAP.top, reached, _MAP.bottom))
            self._reached = reached
        if int(second) != self._second:
            self._second = int(second)
            self._canvas.place(self._screen.clock(self._second), _CLOCK.left, _CLOCK.top)


class _Meter:
    """One part's meter: a column left of its lane that stands as high as the part is loud."""

    def __init__(self, canvas: Planes, lane: Area, colour: Colour) -> None:
        self._canvas, self._bright, self._dim = canvas, colour, blend(theme.LANE, colour, 0.3)
        self._bottom, self._height = lane.bottom // 2 * 2, 0
        canvas.paint(Area(_METER_LEFT, lane.top // 2 * 2, _METER_LEFT + _METER_WIDTH, self._bottom), self._dim)

    def show(self, level: int) -> None:
        """Rise or fall to ``level`` pixels."""
        height, before = level // 2 * 2, self._height
        if height == before:
            return
        low, high = sorted((height, before))
        changed = Area(_METER_LEFT, self._bottom - high, _METER_LEFT + _METER_WIDTH, self._bottom - low)
        self._canvas.paint(changed, self._bright if height > before else self._dim)
        self._height = height


class _Playhead:
    """The bright line that passes over a page's ``canvas``, and its trail."""

    def __init__(self, canvas: Planes) -> None:
        self._canvas, self._area = canvas, Area(0, 0, 0, 0)
        self._under = canvas.lifted(self._area)

    def leave(self) -> None:
        """Uncover what the line stood on."""
        self._canvas.put_back(self._area, self._under)

    def stand(self, x: float) -> None:
        """Draw the line at ``x`` and its trail to the left. What was there is kept."""
        line = min(max(round(x / 2) * 2, _ROLL.left), _ROLL.right - 2)
        top, bottom = _ROLL.top - 4, _ROLL.bottom + 4
        trail = Area(max(_ROLL.left, line - len(_TRAIL)), top, line, bottom)
        self._area = Area(trail.left, top, line + 2, bottom)
        self._under = self._canvas.lifted(self._area)
        self._canvas.light(trail, _TRAIL)
        self._canvas.paint(Area(line, top, line + 2, bottom), theme.INK)


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
    image = Image.new("RGB", SIZE, theme.NIGHT)
    still.draw_frame(image, look, title, subtitle)
    return np.array(image)


def _with_map(sheet: Pixels, look: Look, state: str) -> Pixels:
    """``sheet`` with the whole song small at the bottom, all of it in one state."""
    small = still.look_of(look.song, SIZE, _MAP, gap=1)
    span = Span(0, max(look.song.end, 1), _MAP.left, _MAP.right)
    result = sheet.copy()
    still.fill(result, _MAP, theme.LANE)
    return still.shaded(result, small, span, state)


def _clock(second: float, duration: float) -> Planes:
    image = Image.new("RGB", (_CLOCK.width, _CLOCK.height), theme.NIGHT)
    text = f"{_minutes(second)} / {_minutes(duration)}"
    letters = font(18)
    ImageDraw.Draw(image).text((_CLOCK.width, 0), text, fill=theme.QUIET_INK, font=letters, anchor="ra")
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
