"""Where a song's ticks lie among its bars, as arrays: the clock that the network sees at every step.

Knows meters and onsets; nothing of parts or pitches.
"""

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
"""Meters that have a class of their own; all others share the class after the last."""
METER_CLASSES = len(METERS) + 1
POSITION_CLASSES = 8 * TICKS_PER_QUARTER
"""Ticks into the bar; later ones (bars above 8 quarters) share the last class."""

_METER_CLASS = {meter: index for index, meter in enumerate(METERS)}


def meter_class(meter: Meter) -> int:
    """The class of a meter in ``METERS``, or the class of all others."""
    return _METER_CLASS.get((meter.numerator, meter.denominator), len(METERS))


@dataclass(frozen=True, slots=True, eq=False)
class BarGrid:
    """The bars of a song: ``first_tick`` and ``meter`` (class) of each bar, ``end`` the tick after the last bar."""

    first_tick: Ints
    meter: Ints
    end: int

    @classmethod
    def of(cls, meters: Sequence[Meter], end: int) -> BarGrid:
        """The grid of a song that ends at tick ``end``; at least one bar. The last bar may be cut by ``end``."""
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
        """Index of the bar each tick lies in; ticks past the end count to the last bar."""
        found: Ints = np.searchsorted(self.first_tick, ticks, side="right") - 1
        return found

    def position_of(self, ticks: Ints) -> Ints:
        """Ticks into the bar, clipped to ``POSITION_CLASSES``."""
        clipped: Ints = np.minimum(ticks - self.first_tick[self.bar_of(ticks)], POSITION_CLASSES - 1)
        return clipped
