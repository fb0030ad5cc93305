"""Musical statistics of one piece (or excerpt), each a number with a published or stated definition.

Definitions follow MusPy (Dong et al. 2020, "MusPy: A toolkit for symbolic music generation", ISMIR) and MusDr (Wu &
Yang 2020, "The Jazz Transformer on the front line", ISMIR) where they have one. A statistic that a piece does not have
(drums alone have no pitch classes) is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import BarGrid
from midi_data.events.encoding import DRUM_PITCH, DURATIONS, VELOCITY_STEP, EventSequence, Ints
from midi_data.song import TICKS_PER_QUARTER

GROOVE_TICKS = 6
"""Ticks of the groove's grid: a sixteenth. MusPy uses the file's resolution, which is not comparable between files."""
ON_GRID = (0, 6, 8, 12, 16, 18)
"""Ticks into a quarter that sixteenths and eighth triplets fall on."""
LEAP_SEMITONES = 12
_MAJOR = np.isin(np.arange(12), (0, 2, 4, 5, 7, 9, 11))


def entropy(counts: NDArray[np.generic]) -> float:
    """Shannon entropy in bits of a histogram; NaN where it is empty."""
    total = float(np.sum(counts, dtype=np.float64))
    if total == 0:
        return math.nan
    shares = np.asarray(counts, dtype=np.float64)[np.asarray(counts) > 0] / total
    return float(-(shares * np.log2(shares)).sum())


def pitch_class_entropy(events: EventSequence) -> float:
    """Bits, 0 … log2 12, of the note counts of the 12 pitch classes, without drums (Wu & Yang 2020; MusPy)."""
    return entropy(_pitch_classes(events))


def scale_consistency(events: EventSequence) -> float:
    """Largest share of pitched notes within one major or natural minor scale, 0 … 1 (Mogren 2016; MusPy).

    A natural minor scale has the pitch classes of its relative major, so twelve scales are tried.
    """
    counts = _pitch_classes(events)
    total = counts.sum()
    return float(max(counts[np.roll(_MAJOR, tonic)].sum() for tonic in range(12)) / total) if total else math.nan


def groove_consistency(events: EventSequence) -> float:
    """1 − mean Hamming distance a slot of neighbouring bars' onsets, 0 … 1 (Wu & Yang 2020; MusPy: neighbours only).

    Slots are sixteenths (``GROOVE_TICKS``), an onset counts to the nearest; a bar of another length is padded.
    """
    grid = BarGrid.of(events.meters, events.end)
    if len(grid) < 2:
        return math.nan
    played = onset_slots(events, grid)
    return float(1 - (played[1:] != played[:-1]).mean())


def onset_slots(events: EventSequence, grid: BarGrid) -> NDArray[np.bool_]:
    """(bars, slots) whether a note begins in each sixteenth of each bar."""
    longest = int(np.diff(grid.first_tick, append=grid.end).max())
    slots = np.zeros((len(grid), max(1, -(-longest // GROOVE_TICKS))), dtype=np.bool_)
    bar = grid.bar_of(events.onset)
    slot = (events.onset - grid.first_tick[bar] + GROOVE_TICKS // 2) // GROOVE_TICKS
    slots[bar, np.minimum(slot, slots.shape[1] - 1)] = True
    return slots


def note_density(events: EventSequence) -> float:
    """Notes a quarter, all parts together."""
    return len(events) * TICKS_PER_QUARTER / max(events.end, 1)


def polyphony(events: EventSequence) -> float:
    """Mean number of pitches that sound at once, over ticks with sound, without drums (MusPy)."""
    roll = np.zeros((max(events.end, 1), 128), dtype=np.bool_)
    for onset, pitch, end in zip(*_sounding(events), strict=True):
        roll[onset:end, pitch] = True
    ticks = int(roll.any(axis=1).sum())
    return float(roll.sum() / ticks) if ticks else math.nan


def empty_bar_rate(events: EventSequence) -> float:
    """Share of bars in which no note begins or sounds on (MusPy's empty measure rate)."""
    grid = BarGrid.of(events.meters, events.end)
    ends = np.minimum(events.onset + np.asarray(DURATIONS)[events.duration], max(events.end, 1)) - 1
    change = np.zeros(len(grid) + 1, dtype=np.int64)
    np.add.at(change, grid.bar_of(events.onset), 1)
    np.add.at(change, grid.bar_of(np.maximum(ends, events.onset)) + 1, -1)
    return float((np.cumsum(change[:-1]) == 0).mean())


def pitch_range(events: EventSequence) -> float:
    """Highest minus lowest pitch in semitones, without drums (MusPy)."""
    pitch = events.pitch[events.pitch < DRUM_PITCH]
    return float(pitch.max() - pitch.min()) if len(pitch) else math.nan


def leap_share(events: EventSequence) -> float:
    """Share of melodic steps above an octave, in the top line of each pitched part."""
    steps = np.concatenate([np.diff(pitch) for _, pitch in top_lines(events)] or [np.zeros(0, dtype=np.int64)])
    return float((np.abs(steps) > LEAP_SEMITONES).mean()) if len(steps) else math.nan


def off_grid_share(events: EventSequence) -> float:
    """Share of notes that begin on neither a sixteenth nor an eighth triplet of their bar."""
    grid = BarGrid.of(events.meters, events.end)
    position = events.onset - grid.first_tick[grid.bar_of(events.onset)]
    return float((~np.isin(position % TICKS_PER_QUARTER, ON_GRID)).mean()) if len(events) else math.nan


def part_count(events: EventSequence) -> float:
    """Number of parts."""
    return float(len(events.band))


def drum_share(events: EventSequence) -> float:
    """Share of notes that are drums."""
    return float((events.pitch >= DRUM_PITCH).mean()) if len(events) else math.nan


def mean_pitch(events: EventSequence) -> float:
    """Mean MIDI pitch of the pitched notes."""
    pitch = events.pitch[events.pitch < DRUM_PITCH]
    return float(pitch.mean()) if len(pitch) else math.nan


def mean_duration(events: EventSequence) -> float:
    """Mean length of the pitched notes, in quarters."""
    lengths = np.asarray(DURATIONS)[events.duration[events.pitch < DRUM_PITCH]]
    return float(lengths.mean() / TICKS_PER_QUARTER) if len(lengths) else math.nan


def mean_velocity(events: EventSequence) -> float:
    """Mean MIDI velocity, in steps of 8."""
    return float(events.velocity.mean() * VELOCITY_STEP + VELOCITY_STEP // 2) if len(events) else math.nan


def velocity_spread(events: EventSequence) -> float:
    """Standard deviation of the MIDI velocities."""
    return float(events.velocity.std() * VELOCITY_STEP) if len(events) else math.nan


SCALARS: dict[str, Callable[[EventSequence], float]] = {
    "pitch_class_entropy": pitch_class_entropy,
    "scale_consistency": scale_consistency,
    "groove_consistency": groove_consistency,
    "note_density": note_density,
    "polyphony": polyphony,
    "empty_bar_rate": empty_bar_rate,
    "pitch_range": pitch_range,
    "leap_share": leap_share,
    "off_grid_share": off_grid_share,
    "part_count": part_count,
    "drum_share": drum_share,
    "mean_pitch": mean_pitch,
    "mean_duration": mean_duration,
    "mean_velocity": mean_velocity,
    "velocity_spread": velocity_spread,
}


def scalars(events: EventSequence) -> dict[str, float]:
    """Every statistic of ``SCALARS``; NaN where a piece has none."""
    return {name: measure(events) for name, measure in SCALARS.items()}


def top_lines(events: EventSequence) -> list[tuple[Ints, Ints]]:
    """(onsets, pitches) of each pitched part's highest note at each of its onsets (the skyline)."""
    lines = []
    for part in np.unique(events.part[events.pitch < DRUM_PITCH]).tolist():
        own = events.part == part
        onset, pitch = events.onset[own], events.pitch[own]
        # Events are sorted by (onset, part, pitch): the last at an onset is the highest.
        last = np.append(onset[1:] != onset[:-1], [True])
        lines.append((onset[last], pitch[last]))
    return lines


def _pitch_classes(events: EventSequence) -> Ints:
    counts: Ints = np.bincount(events.pitch[events.pitch < DRUM_PITCH] % 12, minlength=12)
    return counts


def _sounding(events: EventSequence) -> tuple[list[int], list[int], list[int]]:
    own = events.pitch < DRUM_PITCH
    ends = events.onset[own] + np.asarray(DURATIONS)[events.duration[own]]
    return events.onset[own].tolist(), events.pitch[own].tolist(), ends.tolist()
