"""How often the parts of a piece do what: lengths, loudness, steps, gaps between onsets, tones, registers, places.

Shares of a part's own notes, a row of numbers each; no order, no melody can be read from them. Where a piece's habits
(``midi_data.analysis.activity``) say whether, tendencies say how often. Knows notes; nothing of networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.histograms import DRUM_KINDS, DRUM_VOICES, GAP_EDGES, LARGEST_STEP, PATTERN_SLOTS
from midi_data.analysis.metrics import GROOVE_TICKS
from midi_data.bars import BarGrid
from midi_data.events.encoding import DRUM_PITCH, DURATIONS, VOCABULARY, EventSequence, Ints, part_instrument

AttributeHistograms = NDArray[np.uint8]
"""(parts, ``HISTOGRAMS_WIDTH``) shares of 255, by the columns of ``COLUMNS``."""

REGISTER_SEMITONES = 6
_PLACES, _PLACE_TICKS = 32, 3
KINDS = {
    "duration": len(DURATIONS),
    "velocity": VOCABULARY["velocity"],
    "step": 2 * LARGEST_STEP + 1,
    "gap": len(GAP_EDGES) + 1,
    "tone": 12,
    "register": -(-DRUM_PITCH // REGISTER_SEMITONES),
    "place": (len(DRUM_KINDS) + 1) * PATTERN_SLOTS,
}
"""What is counted, and its number of bins. ``tone``: pitch classes, of drums their voices (``DRUM_VOICES``).
``place``: where in the bar notes begin, in 32 bins; of drums by voice and sixteenth."""
HISTOGRAMS_WIDTH = sum(KINDS.values())
_EDGES = np.cumsum([0, *KINDS.values()]).tolist()
COLUMNS = {kind: slice(*edges) for kind, edges in zip(KINDS, pairwise(_EDGES), strict=True)}
FULL = 255
TIME_SHIFT_BINS = 2 + len(GAP_EDGES)
"""Of a pace: events at the tick of the one before, then the bins of ``gap``."""


def attribute_histograms_of(events: EventSequence) -> AttributeHistograms:
    """(parts of the band, ``HISTOGRAMS_WIDTH``); all 0 in a kind that a part has none of (one note makes no step)."""
    rows = np.zeros((len(events.band), HISTOGRAMS_WIDTH), dtype=np.uint8)
    grid = BarGrid.of(events.meters, events.end)
    position = events.onset - grid.first_tick[grid.bar_of(events.onset)]
    for row, part in zip(rows, events.band, strict=True):
        for kind, bins in _bins(events, part, position).items():
            counts = np.bincount(bins, minlength=KINDS[kind])
            row[COLUMNS[kind]] = np.round(FULL * counts / max(counts.sum(), 1))
    return rows


def time_shift_histogram_of(events: EventSequence) -> AttributeHistograms:
    """(``TIME_SHIFT_BINS``,) how the band moves on from event to event, all parts together: shares of 255."""
    counts = np.bincount(time_shift_bin(np.diff(events.onset)), minlength=TIME_SHIFT_BINS)
    time_shift_histogram: AttributeHistograms = np.round(FULL * counts / max(counts.sum(), 1)).astype(np.uint8)
    return time_shift_histogram


def time_shift_bin(ticks: Ints) -> Ints:
    """Bins of ticks between an event and the one before."""
    return np.where(ticks > 0, 1 + gap_bin(ticks), 0)


def step_bin(semitones: Ints) -> Ints:
    """Bins of melodic steps; all above an octave share one on either side."""
    bins: Ints = np.clip(semitones, -LARGEST_STEP, LARGEST_STEP) + LARGEST_STEP
    return bins


def gap_bin(ticks: Ints) -> Ints:
    """Bins of ticks between a part's onsets."""
    bins: Ints = np.searchsorted(GAP_EDGES, ticks, side="right")
    return bins


def tone_bin(pitch: Ints) -> Ints:
    """Bins of pitch classes of events: of a pitch its class, of a drum key its voice."""
    return np.where(pitch < DRUM_PITCH, pitch % 12, DRUM_VOICES[pitch % DRUM_PITCH])


def register_bin(pitch: Ints) -> Ints:
    """Bins of half an octave; drum keys as pitches."""
    return pitch % DRUM_PITCH // REGISTER_SEMITONES


def place_bin(position: Ints, pitch: Ints) -> Ints:
    """Bins of ticks into the bar; bars above 4/4 go round again. Drums: voice by voice, to the nearest sixteenth."""
    sixteenth = (position + GROOVE_TICKS // 2) // GROOVE_TICKS % PATTERN_SLOTS
    of_drums = DRUM_VOICES[pitch % DRUM_PITCH] * PATTERN_SLOTS + sixteenth
    return np.where(pitch < DRUM_PITCH, position // _PLACE_TICKS % _PLACES, of_drums)


def transposed_histograms(shares: NDArray[np.floating], parts: Sequence[int], semitones: int) -> NDArray[np.floating]:
    """``shares`` (parts, W) of ``parts`` played so many semitones higher; drums stay as they are."""
    moved = shares.copy()
    pitched = [row for row, part in enumerate(parts) if not part_instrument(part)[1]]
    for kind, bins in (("tone", semitones), ("register", round(semitones / REGISTER_SEMITONES))):
        moved[pitched, COLUMNS[kind]] = np.roll(shares[pitched, COLUMNS[kind]], bins, axis=-1)
    return moved


def _bins(events: EventSequence, part: int, position: Ints) -> dict[str, Ints]:
    """The bin of everything that one part does, by kind."""
    own = events.part == part
    onset, pitch = events.onset[own], events.pitch[own]
    # Events are sorted: the first of an onset is the lowest, and the first that is chosen.
    lowest = np.append([True], onset[1:] != onset[:-1])
    is_drum = part_instrument(part)[1]
    return {
        "duration": events.duration[own],
        "velocity": events.velocity[own],
        "step": step_bin(np.diff(pitch[lowest])) if not is_drum else pitch[:0],
        "gap": gap_bin(np.diff(onset[lowest])),
        "tone": tone_bin(pitch),
        "register": register_bin(pitch),
        "place": place_bin(position[own], pitch),
    }
