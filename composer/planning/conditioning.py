"""Condition classes of a song (tempo, density) and of its bars and ticks (clock); class 0 is unconditioned."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from composer.model.config import BARS_LEFT_EDGES, CHORD_CHANGE_CLASSES, DENSITY_CLASSES, PHASE_CLASSES, TEMPO_CLASSES
from midi_data.analysis.activity import Activity, band_activity_bins
from midi_data.analysis.chords import slot_edges, split_of
from midi_data.bars import BarGrid
from midi_data.events.encoding import Ints
from midi_data.song import TICKS_PER_QUARTER, Meter

SLOWEST_BPM = 40.0
TEMPO_STEPS_PER_OCTAVE = 6.5


def tempo_class(bpm: float) -> int:
    """Class 1 … 20 of a tempo, in steps of about 11 % from 40 BPM on."""
    step = round(math.log2(max(bpm, 1.0) / SLOWEST_BPM) * TEMPO_STEPS_PER_OCTAVE)
    return 1 + min(max(step, 0), TEMPO_CLASSES - 2)


def density_class(notes: int, ticks: int) -> int:
    """Class 1 … 8 of the band's notes a quarter, in steps of half an octave from 1 note on; ``ticks``: song length."""
    a_quarter = notes * TICKS_PER_QUARTER / max(ticks, 1)
    return 1 + min(max(round(2 * math.log2(max(a_quarter, 0.1))), 0), DENSITY_CLASSES - 2)


def clock(
    grid: BarGrid,
    ticks: Ints,
    *,
    length_conditioned: bool = True,
    repetition: Ints | None = None,
    activity: Activity | None = None,
    chords: Ints | None = None,
) -> Ints:
    """(N, 10) classes of ``config.CLOCK`` at each tick.

    ``repetition`` (bars,) as in ``midi_data.analysis.repetition`` and ``activity`` (bars, parts) as in
    ``midi_data.analysis.activity``, ``chords`` (bars, 2) as in ``midi_data.analysis.chords``; each 0 if left out.
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
            chord_columns(grid, ticks, chords),
        ]
    )


def chord_columns(grid: BarGrid, ticks: Ints, chords: Ints | None) -> Ints:
    """(N, 3) at each tick: the chord, the next other chord (both class + 1), and slots until it begins.

    All 0 where ``chords`` (bars, 2) is left out.
    """
    if chords is None:
        return np.zeros((len(ticks), 3), dtype=np.int64)
    edges, rows = slot_edges(grid)
    path = chords.reshape(-1)[rows] + 1
    following, until = path.copy(), np.full(len(path), CHORD_CHANGE_CLASSES - 1)
    for slot in range(len(path) - 2, -1, -1):
        changes = path[slot + 1] != path[slot]
        following[slot] = path[slot + 1] if changes else following[slot + 1]
        until[slot] = 1 if changes else min(until[slot + 1] + 1, CHORD_CHANGE_CLASSES - 1)
    at = slot_at(edges, ticks)
    return np.column_stack([path[at], following[at], until[at]])


def slot_at(edges: Ints, ticks: Ints) -> Ints:
    """(N,) number of the chord slot that each tick lies in; ticks past the end count to the last."""
    found: Ints = np.minimum(np.searchsorted(edges, ticks, side="right") - 1, len(edges) - 2)
    return found


def strengths(grid: BarGrid, ticks: Ints) -> Ints:
    """(N,) metrical strength of each tick: 2 where a chord slot begins, 1 on a quarter of the bar, else 0."""
    edges, _ = slot_edges(grid)
    on_slot = edges[slot_at(edges, ticks)] == ticks
    on_beat = (ticks - grid.first_tick[grid.bar_of(ticks)]) % TICKS_PER_QUARTER == 0
    return np.where(on_slot, 2, on_beat.astype(np.int64))


def slot_clock(meter: Meter, bars: int, repetition: Sequence[int], activity: Activity, chords: Ints | None) -> Ints:
    """(2 bars, 10) the same at the beginning of each half of each bar; within it only the position changes.

    Both halves of a bar with one chord slot are alike.
    """
    grid = BarGrid.of((meter,), bars * meter.bar_ticks)
    halves = np.column_stack([grid.first_tick, grid.first_tick + split_of(int(grid.meter[0]), meter.bar_ticks)])
    return clock(grid, halves.reshape(-1), repetition=np.asarray(repetition), activity=activity, chords=chords)
