"""Bars of a song as arrays: the first tick and meter of each, and the bar and position of any tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from midi_data.events.encoding import Ints
from midi_data.song import TICKS_PER_QUARTER, Meter

METERS = (
    (4, 4), (3, 4), (2, 4), (6, 8), (2, 2), (12, 8), (9, 8), (5, 4), (3, 8), (7, 8), (6, 4), (3, 2), (1, 4), (7, 4),
    (4, 8),
)  # fmt: skip
"""Meters with a class of their own; all others share the class after the last."""
METER_CLASSES = len(METERS) + 1
POSITION_CLASSES = 8 * TICKS_PER_QUARTER
"""Classes of ticks into the bar; beyond 8 quarters all share the last."""

_METER_CLASS = {meter: index for index, meter in enumerate(METERS)}


def meter_class(meter: Meter) -> int:
    """Return the class of a meter: its index in ``METERS``, or ``len(METERS)``."""
    return _METER_CLASS.get((meter.numerator, meter.denominator), len(METERS))


@dataclass(frozen=True, slots=True, eq=False)
class BarGrid:
    """The bars of a song: ``first_tick`` (B,) and ``meter`` class (B,) of each, ``end`` the tick after the last bar."""

    first_tick: Ints
    meter: Ints
    end: int

    @classmethod
    def of(cls, meters: Sequence[Meter], end: int) -> BarGrid:
        """Return the grid of a song that ends at tick ``end``: at least one bar, the last may be cut by ``end``."""
        ticks: list[int] = []
        classes: list[int] = []
        for index, meter in enumerate(meters):
            stop = meters[index + 1].onset if index + 1 < len(meters) else max(end, meter.onset + 1)
            starts = range(meter.onset, min(stop, max(end, 1)), meter.bar_ticks)
            ticks += starts
            classes += [meter_class(meter)] * len(starts)
        return cls(np.array(ticks, dtype=np.int64), np.array(classes, dtype=np.int64), end)

    def __len__(self) -> int:
        return len(self.first_tick)

    def bar_of(self, ticks: Ints) -> Ints:
        """Return the bar (N,) of each tick (N,); ticks past the end belong to the last bar."""
        found: Ints = np.searchsorted(self.first_tick, ticks, side="right") - 1
        return found

    def position_of(self, ticks: Ints) -> Ints:
        """Return the ticks into the bar (N,) of each tick (N,), clipped to ``POSITION_CLASSES`` − 1."""
        clipped: Ints = np.minimum(ticks - self.first_tick[self.bar_of(ticks)], POSITION_CLASSES - 1)
        return clipped
