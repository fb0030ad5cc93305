"""Musical statistics of one piece that are histograms: counts in a fixed number of bins, all 0 if there are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from midi_data.analysis.key_estimation import estimate_song_key
from midi_data.analysis.metrics import GROOVE_TICKS, top_lines
from midi_data.bars import BarGrid
from midi_data.events.encoding import DRUM_PITCH, DURATIONS, VOCABULARY, EventSequence, Ints, part_instrument

GAP_EDGES = (2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 18, 24, 25, 36, 48, 72, 96, 192)
"""First ticks of the bins of inter-onset intervals; the bin before them is 1 tick, the last is 2 bars or more."""
LARGEST_STEP = 13
"""Semitones from which melodic steps share a bin, up and down."""
PATTERN_SLOTS = 16
"""Sixteenths of a 4/4 bar; longer bars wrap around."""
DRUM_KINDS: tuple[tuple[int, ...], ...] = (
    (35, 36),  # kick
    (37, 38, 39, 40),  # snare, stick, clap
    (42, 44),  # closed and pedal hi-hat
    (46,),  # open hi-hat
    (41, 43, 45, 47, 48, 50),  # toms
    (49, 52, 55, 57),  # crash, splash
    (51, 53, 59),  # ride
)
"""General MIDI drum keys of each voice; all others share one more."""
FAMILIES = 17
"""Drums and the 16 families of General MIDI."""


def _drum_voices() -> Ints:
    voices = np.full(128, len(DRUM_KINDS), dtype=np.int64)
    for kind, keys in enumerate(DRUM_KINDS):
        voices[list(keys)] = kind
    return voices


DRUM_VOICES = _drum_voices()
"""(128,) voice of each drum key: index into ``DRUM_KINDS``, or the one after the last."""


def scale_degrees(events: EventSequence) -> Ints:
    """(12,) notes by pitch class above the tonic of the estimated key."""
    pitch = events.pitch[events.pitch < DRUM_PITCH]
    key = estimate_song_key(events)
    counts: Ints = np.bincount((pitch - (key.tonic if key else 0)) % 12, minlength=12)
    return counts


def inter_onset(events: EventSequence) -> Ints:
    """(20,) gaps between successive onsets of a part in ticks, over all parts, by ``GAP_EDGES``."""
    gaps = [np.diff(np.unique(events.onset[events.part == part])) for part in events.band]
    counts: Ints = np.bincount(
        np.searchsorted(GAP_EDGES, np.concatenate(gaps or [np.zeros(0, dtype=np.int64)]), side="right"),
        minlength=len(GAP_EDGES) + 1,
    )
    return counts


def durations(events: EventSequence) -> Ints:
    """(30,) pitched notes by duration class."""
    counts: Ints = np.bincount(events.duration[events.pitch < DRUM_PITCH], minlength=len(DURATIONS))
    return counts


def melodic_steps(events: EventSequence) -> Ints:
    """(27,) steps in the top line of each pitched part, −13 (or less) … 13 (or more) semitones."""
    steps = np.concatenate([np.diff(pitch) for _, pitch in top_lines(events)] or [np.zeros(0, dtype=np.int64)])
    counts: Ints = np.bincount(
        np.clip(steps, -LARGEST_STEP, LARGEST_STEP) + LARGEST_STEP, minlength=2 * LARGEST_STEP + 1
    )
    return counts


def drum_pattern(events: EventSequence) -> Ints:
    """(8 × 16,) drum notes by voice (``DRUM_KINDS``) and sixteenth of the bar."""
    own = events.pitch >= DRUM_PITCH
    grid = BarGrid.of(events.meters, events.end)
    onset = events.onset[own]
    slot = (onset - grid.first_tick[grid.bar_of(onset)] + GROOVE_TICKS // 2) // GROOVE_TICKS % PATTERN_SLOTS
    counts: Ints = np.bincount(
        DRUM_VOICES[events.pitch[own] - DRUM_PITCH] * PATTERN_SLOTS + slot,
        minlength=(len(DRUM_KINDS) + 1) * PATTERN_SLOTS,
    )
    return counts


def velocities(events: EventSequence) -> Ints:
    """(16,) notes by velocity class."""
    counts: Ints = np.bincount(events.velocity, minlength=VOCABULARY["velocity"])
    return counts


def part_presence(events: EventSequence) -> Ints:
    """(17,) bars in which each family begins a note: drums, then the General MIDI families in order."""
    grid = BarGrid.of(events.meters, events.end)
    codes = np.array([0 if is_drum else 1 + program // 8 for program, is_drum in map(part_instrument, events.band)])
    family = codes[np.searchsorted(np.array(events.band), events.part)] if len(events) else events.part
    playing = np.unique(grid.bar_of(events.onset) * FAMILIES + family)
    counts: Ints = np.bincount(playing % FAMILIES, minlength=FAMILIES)
    return counts


HISTOGRAMS: dict[str, Callable[[EventSequence], Ints]] = {
    "scale_degrees": scale_degrees,
    "inter_onset": inter_onset,
    "durations": durations,
    "melodic_steps": melodic_steps,
    "drum_pattern": drum_pattern,
    "velocities": velocities,
    "part_presence": part_presence,
}


def histograms(events: EventSequence) -> dict[str, Ints]:
    """Every histogram of ``HISTOGRAMS``."""
    return {name: count(events) for name, count in HISTOGRAMS.items()}
