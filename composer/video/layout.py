"""Geometry of a piano roll: one lane a part, bars from left to right. No drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from midi_data.song import Note, Song, Track

_MIN_ROWS, _MAX_ROWS = 9, 30
"""Limits of the rows (semitones of range, or drums) that count for a lane's height."""
_PADDING = 4
_MIN_THICKNESS, _MAX_THICKNESS = 3, 12
_HIT_TICKS = 5
"""Drawn length of a drum hit."""


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in pixels; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    def within(self, bounds: Area) -> Area:
        """Return the part of the area inside ``bounds``, relative to their upper left corner."""
        left, top = max(self.left, bounds.left), max(self.top, bounds.top)
        right, bottom = min(self.right, bounds.right), min(self.bottom, bounds.bottom)
        return Area(left - bounds.left, top - bounds.top, right - bounds.left, bottom - bounds.top)


@dataclass(frozen=True, slots=True)
class Lane:
    """The area of one part. ``rows``: its pitches (for drums the keys it uses), ascending."""

    area: Area
    rows: tuple[int, ...]
    is_drum: bool

    def row_area(self, pitch: int) -> tuple[int, int]:
        """Return the top and bottom pixel of a note of ``pitch``, one of ``rows``."""
        step = (self.area.height - 2 * _PADDING) / len(self.rows)
        thickness = int(min(max(round(step * 0.92), _MIN_THICKNESS), _MAX_THICKNESS))
        middle = self.area.bottom - _PADDING - (self.rows.index(pitch) + 0.5) * step
        top = round(middle - thickness / 2)
        return top, top + thickness


@dataclass(frozen=True, slots=True)
class Span:
    """An excerpt of a song, ``begin`` to ``end`` in ticks (end > begin), drawn from ``left`` to ``right`` in pixels."""

    begin: int
    end: int
    left: int
    right: int

    def x(self, tick: float) -> float:
        """Return the pixel of ``tick``, not limited to the span."""
        return self.left + (tick - self.begin) * (self.right - self.left) / (self.end - self.begin)


def lanes(tracks: Sequence[Track], area: Area, gap: int = 3) -> list[Lane]:
    """Return one lane a track, from top to bottom of ``area``; heights follow the square root of the rows."""
    rows = [_rows(track) for track in tracks]
    weights = np.cumsum([0.0, *(min(max(len(r), _MIN_ROWS), _MAX_ROWS) ** 0.5 for r in rows)])
    edges = area.top + np.rint(weights / weights[-1] * (area.height + gap)).astype(int) if tracks else []
    return [
        Lane(Area(area.left, int(edges[i]), area.right, int(edges[i + 1]) - gap), rows[i], track.is_drum)
        for i, track in enumerate(tracks)
    ]


def _rows(track: Track) -> tuple[int, ...]:
    pitches = {note.pitch for note in track.notes} or {60}
    if track.is_drum:
        return tuple(sorted(pitches))
    # At least an octave, so that the notes of a narrow part stay thin.
    missing = max(0, 12 - (max(pitches) - min(pitches)))
    return tuple(range(min(pitches) - missing // 2, max(pitches) + missing - missing // 2 + 1))


def boxes(notes: Sequence[Note], lane: Lane, span: Span) -> NDArray[np.int64]:
    """Return left, top, right, bottom of each note, clipped to the span, at least 2 pixels wide: (notes, 4)."""
    row_areas = _row_areas(lane)
    result = np.zeros((len(notes), 4), np.int64)
    for index, note in enumerate(notes):
        top, bottom = row_areas[note.pitch]
        end = note.onset + _HIT_TICKS if lane.is_drum else note.end
        left = max(round(span.x(note.onset)), span.left)
        # One free pixel at the end separates repeated notes.
        right = min(max(round(span.x(end)) - 1, left + 2), span.right)
        result[index] = min(left, right - 1), top, right, bottom
    return result


@lru_cache(maxsize=64)
def _row_areas(lane: Lane) -> dict[int, tuple[int, int]]:
    return {pitch: lane.row_area(pitch) for pitch in lane.rows}


def notes_within(track: Track, span: Span) -> tuple[Note, ...]:
    """Return the notes of ``track`` that sound in ``span``."""
    return tuple(note for note in track.notes if note.onset < span.end and note.end > span.begin)


def grid(song: Song, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (tick, bar number from 1, or 0 for a beat in a bar) of each bar and beat in ``begin`` ≤ tick < ``end``."""
    bars = [*song.bars()]
    for number, (start, meter) in enumerate(bars, start=1):
        stop = bars[number][0] if number < len(bars) else start + meter.bar_ticks
        for tick in range(start, min(stop, end), meter.beat_ticks):
            if tick >= begin:
                yield tick, number if tick == start else 0
