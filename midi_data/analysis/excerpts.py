"""Excerpts of a whole number of bars, so that pieces are compared at equal lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from midi_data.bars import BarGrid
from midi_data.events.encoding import DURATIONS, EventSequence, duration_class, longest_class_within
from midi_data.song import Meter, Tempo

_Change = TypeVar("_Change", Meter, Tempo)
_COLUMNS = ("onset", "part", "pitch", "duration", "velocity")


def sounding_bars(events: EventSequence) -> tuple[int, int]:
    """First bar in which a note begins, and the bar after the last one; excludes silent beginnings and ends."""
    grid = BarGrid.of(events.meters, events.end)
    bars = grid.bar_of(events.onset)
    return (int(bars.min()), int(bars.max()) + 1) if len(bars) else (0, 0)


def excerpt(events: EventSequence, first_bar: int, bars: int) -> EventSequence:
    """``bars`` bars from ``first_bar`` on, moved to tick 0; notes that sound beyond the end are shortened.

    Tempo and meter at the cut begin the excerpt. Raises ``ValueError`` if the piece is too short.
    """
    grid = BarGrid.of(events.meters, events.end)
    if first_bar < 0 or bars < 1 or first_bar + bars > len(grid):
        raise ValueError(f"an excerpt lies within the piece's {len(grid)} bars, not {first_bar}–{first_bar + bars}")
    edges = [*grid.first_tick.tolist(), grid.end]
    start, stop = edges[first_bar], edges[first_bar + bars]
    kept = (events.onset >= start) & (events.onset < stop)
    columns = {name: getattr(events, name)[kept] for name in _COLUMNS}
    columns["onset"] = columns["onset"] - start
    _shorten(columns, stop - start)
    meters = tuple(
        Meter(max(m.onset - start, 0), m.numerator, m.denominator) for m in _in_force(events.meters, start, stop)
    )
    tempos = tuple(Tempo(max(t.onset - start, 0), t.bpm) for t in _in_force(events.tempos, start, stop))
    return replace(events, **columns, tempos=tempos, meters=meters, end=stop - start)


def spread_excerpts(events: EventSequence, bars: int, count: int) -> list[EventSequence]:
    """At most ``count`` excerpts of ``bars`` bars without overlap, evenly spread over the sounding bars."""
    first, stop = sounding_bars(events)
    room = stop - first
    fitting = min(count, room // bars)
    starts = np.linspace(first, stop - bars, fitting).astype(int) if fitting > 1 else [first] * fitting
    return [excerpt(events, int(start), bars) for start in starts]


def parts_of(events: EventSequence, bars: int) -> list[EventSequence]:
    """Consecutive excerpts of ``bars`` bars; a shorter remainder is left out."""
    total = len(BarGrid.of(events.meters, events.end))
    return [excerpt(events, first, bars) for first in range(0, total - bars + 1, bars)]


def _shorten(columns: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]], end: int) -> None:
    over = columns["onset"] + np.asarray(DURATIONS)[columns["duration"]] > end
    for i in np.flatnonzero(over).tolist():
        left = end - int(columns["onset"][i])
        columns["duration"][i] = min(duration_class(left), longest_class_within(left))


def _in_force(changes: Sequence[_Change], start: int, stop: int) -> list[_Change]:
    """The change in force at tick ``start``, and those before ``stop``."""
    first = max(i for i, change in enumerate(changes) if change.onset <= start)
    return [change for change in changes[first:] if change.onset < stop]
