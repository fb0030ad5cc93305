"""From facts of a song (tempo, density, bars) to the classes that condition the network; class 0 means "not told"."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from composer.model.config import BARS_LEFT_EDGES, DENSITY_CLASSES, PHASE_CLASSES, TEMPO_CLASSES
from midi_data.analysis.activity import Activity, band_activity_bins
from midi_data.bars import BarGrid
from midi_data.events.encoding import Ints
from midi_data.song import TICKS_PER_QUARTER, Meter

SLOWEST_BPM = 40.0
TEMPO_STEPS_PER_OCTAVE = 6.5


def tempo_class(bpm: float) -> int:
    """1 … 20, about 11 % apart from 40 bpm on."""
    step = round(math.log2(max(bpm, 1.0) / SLOWEST_BPM) * TEMPO_STEPS_PER_OCTAVE)
    return 1 + min(max(step, 0), TEMPO_CLASSES - 2)


def density_class(notes: int, ticks: int) -> int:
    """1 … 8 by notes a quarter of the whole band, half an octave apart from 1 note on."""
    a_quarter = notes * TICKS_PER_QUARTER / max(ticks, 1)
    return 1 + min(max(round(2 * math.log2(max(a_quarter, 0.1))), 0), DENSITY_CLASSES - 2)


def clock(
    grid: BarGrid,
    ticks: Ints,
    *,
    length_conditioned: bool = True,
    repetition: Ints | None = None,
    activity: Activity | None = None,
) -> Ints:
    """(N, 7) classes of ``shapes.CLOCK`` at each tick.

    ``repetition`` (bars,) as in ``midi_data.analysis.repetition`` and ``activity`` (bars, parts) as in
    ``midi_data.analysis.activity``, if told.
    """
    bar = grid.bar_of(ticks)
    band_activity = band_activity_bins(activity) if activity is not None else np.zeros(len(grid), dtype=np.int64)
    following = np.append(band_activity[1:], 0)
    left = np.searchsorted(BARS_LEFT_EDGES, len(grid) - bar, side="right") if length_conditioned else np.zeros_like(bar)
    return np.column_stack(
        [
            grid.position_of(ticks),
            grid.meter[bar],
            bar % PHASE_CLASSES,
            left,
            repetition[bar] if repetition is not None else np.zeros_like(bar),
            band_activity[bar],
            following[bar],
        ]
    )


def bar_clock(meter: Meter, bars: int, repetition: Sequence[int], activity: Activity) -> Ints:
    """(bars, 7) the same at the beginning of each bar of a song in one meter; within it only the position changes."""
    grid = BarGrid.of((meter,), bars * meter.bar_ticks)
    return clock(grid, grid.first_tick, repetition=np.asarray(repetition), activity=activity)
