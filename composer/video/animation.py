"""The animated piano roll: pages on which notes light up and a playhead passes.

A page is drawn once in each state; from frame to frame only what changes is copied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from composer.video import still, theme
from composer.video.labels import LABELS_HEIGHT, draw_labels
from composer.video.layout import Area, Span
from composer.video.still import NoteLayer, PianoRoll, Pixels, PlacedNote
from composer.video.theme import Colour, blend, font
from composer.video.yuv import YuvFrame, even_area, yuv_from_rgb
from midi_data.song import Note, Song

SIZE = (1280, 720)
_FULL = Area(0, 0, *SIZE)
_ROLL = Area(still.NAME_WIDTH + 40, 144, SIZE[0] - 40, 636)
_OVERVIEW = Area(40, 656, SIZE[0] - 40, 700)
_CLOCK = Area(SIZE[0] - 200, 80, SIZE[0] - 40, 104)
_PAGE_SECONDS = 7.0
"""A page holds the power of two of bars that is nearest to this."""
_HALO = 12
"""Pixels around a note that light up with it."""
_MIN_FLASH_SECONDS = 0.13
_METER_LEFT, _METER_WIDTH = 40, 6
_METER_DECAY_SECONDS = 0.3
_TRAIL = (np.linspace(0, 1, 64) ** 2 * 26).astype(np.uint8)
"""Luma added by the playhead's trail: (64,), one value a column."""


@dataclass(frozen=True, slots=True)
class Change:
    """At ``second``, note number ``owner`` of a part of ``colour`` takes ``state`` at ``area``."""

    second: float
    state: str
    owner: int
    area: Area
    colour: Colour


@dataclass(frozen=True, slots=True)
class Page:
    """One excerpt of the song in each state. ``owners`` (H, W): the number of the note at each pixel, 0 for none."""

    span: Span
    states: dict[str, YuvFrame]
    owners: NDArray[np.int16]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive frames that show one page: their excerpt of the song and the number of the first one.

    Of each frame: its second, its tick, and the height of each part's meter in pixels.
    """

    span: Span
    first: int
    seconds: list[float]
    ticks: list[float]
    levels: list[list[int]]


class Animation:
    """The frames of one song's video."""

    def __init__(self, song: Song, title: str, subtitle: str) -> None:
        self.song = song
        self.roll = still.piano_roll(song, SIZE, _ROLL)
        self._spans = pages(song, _ROLL)
        background = _background(self.roll, title, subtitle)
        self.played_overview = yuv_from_rgb(_with_overview(background, self.roll, "played"))
        self._background = _with_overview(background, self.roll, "coming")
        self._clocks: dict[int, YuvFrame] = {}

    def frames(self, count: int, frames_per_second: int) -> Iterator[YuvFrame]:
        """Yield ``count`` frames from the song's beginning; after its end the last page stands still.

        All frames of a page are the same object, drawn on in place: copy one to keep it.
        """
        for piece in self.pieces(count, frames_per_second):
            yield from self.draw(piece)

    def pieces(self, count: int, frames_per_second: int) -> list[Piece]:
        """Return ``count`` frames as pieces of one page each, in order; they can be drawn side by side."""
        levels = meter_levels(self.roll, count, frames_per_second)
        seconds = np.arange(count) / frames_per_second
        ticks = np.minimum(ticks_at(self.song, seconds), self.song.end)
        turns = [*np.searchsorted(ticks, [span.begin for span in self._spans]).tolist(), count]
        return [
            Piece(span, first, seconds[first:stop].tolist(), ticks[first:stop].tolist(), levels[first:stop].tolist())
            for span, (first, stop) in zip(self._spans, pairwise(turns), strict=True)
            if first < stop
        ]

    def draw(self, piece: Piece) -> Iterator[YuvFrame]:
        """Yield the frames of ``piece``: the same object, drawn on in place."""
        page = self._page(piece.span)
        canvas, pending = page.states["coming"], deque(page.changes)
        overlays, playhead = _Overlays(self, canvas), _Playhead(canvas)
        for second, tick, levels in zip(piece.seconds, piece.ticks, piece.levels, strict=True):
            playhead.erase()
            while pending and pending[0].second <= second:
                _apply(pending.popleft(), page, canvas)
            overlays.update(second, tick, levels)
            playhead.draw(piece.span.x(tick))
            yield canvas

    def _page(self, span: Span) -> Page:
        page = still.draw_lanes(self.roll, span, self._background)
        top = self.roll.area.top
        above = page[top - LABELS_HEIGHT : top]  # a small picture: the library's pictures are copies
        labels = Image.fromarray(above)
        draw_labels(labels, self.song, LABELS_HEIGHT, span)
        above[:] = np.asarray(labels)
        layer = still.note_layer(self.roll, span)
        return Page(span, self._states(page, layer), layer.owners, _changes(self.song, layer.notes))

    def _states(self, page: Pixels, layer: NoteLayer) -> dict[str, YuvFrame]:
        """Return the page in each state; outside the lanes all are the same and only the first is converted.

        ``page`` (H, W, 3), its lanes empty, is drawn on.
        """
        states: dict[str, YuvFrame] = {}
        lanes, area = still.slices(self.roll.area), even_area(self.roll.area, 0, _FULL)
        drawn = {state: still.draw_notes(page, self.roll, layer, state) for state in still.STATES}
        for state, pixels in drawn.items():
            page[lanes] = pixels
            if states:
                states[state] = states[still.STATES[0]].copy()
                states[state].stamp(yuv_from_rgb(page[still.slices(area)]), area.left, area.top)
            else:
                states[state] = yuv_from_rgb(page)
        return states

    def clock(self, second: int) -> YuvFrame:
        """Return the picture of the clock at a whole ``second``, cached."""
        if second not in self._clocks:
            self._clocks[second] = _clock(min(second, self.song.duration_seconds), self.song.duration_seconds)
        return self._clocks[second]


class _Overlays:
    """The meters, the overview and the clock on one page's ``canvas``; only what changes is drawn again."""

    def __init__(self, animation: Animation, canvas: YuvFrame) -> None:
        self._animation, self._canvas = animation, canvas
        self._second, self._played_to = -1, _OVERVIEW.left
        lanes = zip(animation.roll.lanes, animation.roll.colours, strict=True)
        self._meters = [_Meter(canvas, lane.area, colour) for lane, colour in lanes]

    def update(self, second: float, tick: float, levels: list[int]) -> None:
        """Draw the state at ``second`` and ``tick``; ``levels``: height of each part's meter in pixels."""
        for meter, level in zip(self._meters, levels, strict=True):
            meter.update(level)
        x = round(_OVERVIEW.left + _OVERVIEW.width * tick / max(self._animation.song.end, 1)) // 2 * 2
        if x > self._played_to:
            area = Area(self._played_to, _OVERVIEW.top, x, _OVERVIEW.bottom)
            self._canvas.paste(self._animation.played_overview, area)
            self._played_to = x
        if int(second) != self._second:
            self._second = int(second)
            self._canvas.stamp(self._animation.clock(self._second), _CLOCK.left, _CLOCK.top)


class _Meter:
    """One part's level meter: a column left of its lane."""

    def __init__(self, canvas: YuvFrame, lane: Area, colour: Colour) -> None:
        self._canvas, self._bright, self._dim = canvas, colour, blend(theme.LANE, colour, 0.3)
        self._bottom, self._height = lane.bottom // 2 * 2, 0
        canvas.fill(Area(_METER_LEFT, lane.top // 2 * 2, _METER_LEFT + _METER_WIDTH, self._bottom), self._dim)

    def update(self, level: int) -> None:
        """Rise or fall to ``level`` pixels."""
        height, before = level // 2 * 2, self._height
        if height == before:
            return
        low, high = sorted((height, before))
        changed = Area(_METER_LEFT, self._bottom - high, _METER_LEFT + _METER_WIDTH, self._bottom - low)
        self._canvas.fill(changed, self._bright if height > before else self._dim)
        self._height = height


class _Playhead:
    """The bright line that passes over a page's ``canvas``, and its trail."""

    def __init__(self, canvas: YuvFrame) -> None:
        self._canvas, self._area = canvas, Area(0, 0, 0, 0)
        self._saved = canvas.save(self._area)

    def erase(self) -> None:
        """Restore what the line covered."""
        self._canvas.restore(self._area, self._saved)

    def draw(self, x: float) -> None:
        """Draw the line at ``x`` and its trail to the left, and save what they cover."""
        line = min(max(round(x / 2) * 2, _ROLL.left), _ROLL.right - 2)
        top, bottom = _ROLL.top - 4, _ROLL.bottom + 4
        trail = Area(max(_ROLL.left, line - len(_TRAIL)), top, line, bottom)
        self._area = Area(trail.left, top, line + 2, bottom)
        self._saved = self._canvas.save(self._area)
        self._canvas.brighten(trail, _TRAIL)
        self._canvas.fill(Area(line, top, line + 2, bottom), theme.TEXT)


def pages(song: Song, area: Area) -> list[Span]:
    """Return the excerpts of ``song`` that one page each shows: equal numbers of whole bars."""
    starts = [start for start, _ in song.bars()]
    if not starts or not song.end:
        return [Span(0, max(song.end, 1), area.left, area.right)]
    bar_seconds = song.duration_seconds / len(starts)
    bars = 2 ** max(0, round(np.log2(_PAGE_SECONDS / bar_seconds)))
    edges = [*starts[::bars], _end_of_last_bar(song)]
    # The last page keeps the scale of the page before: one or two bars would be drawn enormously wide.
    if len(edges) > 2:
        edges[-1] = max(edges[-1], edges[-2] + (edges[-2] - edges[-3]))
    return [Span(begin, end, area.left, area.right) for begin, end in pairwise(edges)]


def _end_of_last_bar(song: Song) -> int:
    start, meter = list(song.bars())[-1]
    return max(start + meter.bar_ticks, song.end)


def ticks_at(song: Song, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the tick at each of ``seconds`` (N,), the inverse of `Song.seconds_at`: (N,)."""
    corners = [tempo.onset for tempo in song.tempos]
    corners.append(max(song.end, corners[-1]) + 1_000_000)
    return np.interp(seconds, [song.seconds_at(tick) for tick in corners], corners)


def meter_levels(roll: PianoRoll, count: int, frames_per_second: int) -> NDArray[np.int64]:
    """Return the height of each part's meter in each frame, in pixels of its lane: (count, parts)."""
    levels = np.zeros((count, len(roll.tracks)))
    fade = np.exp(-np.arange(count + 1) / frames_per_second / _METER_DECAY_SECONDS)
    for part, track in enumerate(roll.tracks):
        for note in track.notes:
            begin, end = _lit_seconds(roll.song, note, track.is_drum)
            frames = slice(int(np.ceil(begin * frames_per_second)), int(np.ceil(end * frames_per_second)))
            length = len(levels[frames])
            shape = fade[:length] if track.is_drum else 0.45 + 0.55 * fade[:length]
            levels[frames, part] = np.maximum(levels[frames, part], shape * note.velocity / 127)
    return np.rint(levels * [lane.area.height for lane in roll.lanes]).astype(np.int64)


def _lit_seconds(song: Song, note: Note, is_drum: bool) -> tuple[float, float]:
    """Return the seconds from and until which ``note`` is lit; a drum hit flashes for a fixed time."""
    begin = song.seconds_at(note.onset)
    return begin, max(begin + _MIN_FLASH_SECONDS, begin if is_drum else song.seconds_at(note.end))


def _background(roll: PianoRoll, title: str, subtitle: str) -> Pixels:
    """Return what all pages share, everything around the lanes: (H, W, 3)."""
    image = Image.new("RGB", SIZE, theme.BACKGROUND)
    still.draw_frame(image, roll, title, subtitle)
    return np.array(image)


def _with_overview(background: Pixels, roll: PianoRoll, state: str) -> Pixels:
    """Return ``background`` with the whole song small at the bottom, all notes in ``state``: (H, W, 3)."""
    small = still.piano_roll(roll.song, SIZE, _OVERVIEW, gap=1)
    span = Span(0, max(roll.song.end, 1), _OVERVIEW.left, _OVERVIEW.right)
    result = background.copy()
    still.fill(result, _OVERVIEW, theme.LANE)
    result[still.slices(small.area)] = still.draw_notes(result, small, still.note_layer(small, span), state)
    return result


def _clock(second: float, duration: float) -> YuvFrame:
    image = Image.new("RGB", (_CLOCK.width, _CLOCK.height), theme.BACKGROUND)
    text = f"{_minutes(second)} / {_minutes(duration)}"
    letters = font(18)
    ImageDraw.Draw(image).text((_CLOCK.width, 0), text, fill=theme.MUTED_TEXT, font=letters, anchor="ra")
    return yuv_from_rgb(np.array(image))


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _changes(song: Song, placed: Sequence[PlacedNote]) -> tuple[Change, ...]:
    """Return the changes of state of the ``placed`` notes in order of time."""
    changes = []
    for owner, each in enumerate(placed, start=1):
        begin, end = _lit_seconds(song, each.note, each.is_drum)
        changes += [
            Change(second, state, owner, each.area, each.colour)
            for second, state in ((begin, "playing"), (end, "played"))
        ]
    return tuple(sorted(changes, key=lambda change: change.second))


def _apply(change: Change, page: Page, canvas: YuvFrame) -> None:
    area = even_area(change.area, _HALO, _FULL)
    owners = page.owners[area.top : area.bottom, area.left : area.right]
    own, free = owners == change.owner, owners == 0
    if change.state == "playing":
        canvas.paste_where(page.states["playing"], area, own)
        canvas.glow(area, change.area, change.colour, free)
    else:
        canvas.paste_where(page.states[change.state], area, own | free)
