"""Attribute histograms: shares of a part's notes by duration, velocity, melodic step, gap, tone, register and position.

They hold no order, so that no melody can be read from them.

Shape letters: P parts of the band, A = ``HISTOGRAMS_WIDTH`` bins.
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
"""(P, A) shares times ``FULL``, by the columns of ``COLUMNS``."""

REGISTER_SEMITONES = 6
_PLACES, _PLACE_TICKS = 32, 3
ATTRIBUTES = {
    "duration": len(DURATIONS),
    "velocity": VOCABULARY["velocity"],
    "step": 2 * LARGEST_STEP + 1,
    "gap": len(GAP_EDGES) + 1,
    "tone": 12,
    "register": -(-DRUM_PITCH // REGISTER_SEMITONES),
    "place": (len(DRUM_KINDS) + 1) * PATTERN_SLOTS,
}
"""Bins of each attribute. ``tone``: pitch classes, for drums their voices (``DRUM_VOICES``). ``place``: position in the
bar in 32 bins; for drums voice and sixteenth."""
HISTOGRAMS_WIDTH = sum(ATTRIBUTES.values())
_EDGES = np.cumsum([0, *ATTRIBUTES.values()]).tolist()
COLUMNS = {attribute: slice(*edges) for attribute, edges in zip(ATTRIBUTES, pairwise(_EDGES), strict=True)}
"""Columns of each attribute."""
FULL = 255
"""A share of 1."""
TIME_SHIFT_BINS = 2 + len(GAP_EDGES)
"""Bins of time shifts: 0 ticks, then the bins of ``gap``."""


def attribute_histograms_of(events: EventSequence) -> AttributeHistograms:
    """(P, A); all 0 for an attribute that a part does not have (one note makes no step)."""
    rows = np.zeros((len(events.band), HISTOGRAMS_WIDTH), dtype=np.uint8)
    grid = BarGrid.of(events.meters, events.end)
    position = events.onset - grid.first_tick[grid.bar_of(events.onset)]
    for row, part in zip(rows, events.band, strict=True):
        for attribute, bins in _bins(events, part, position).items():
            counts = np.bincount(bins, minlength=ATTRIBUTES[attribute])
            row[COLUMNS[attribute]] = np.round(FULL * counts / max(counts.sum(), 1))
    return rows


def time_shift_histogram_of(events: EventSequence) -> AttributeHistograms:
    """(``TIME_SHIFT_BINS``,) shares of the time shifts between notes of all parts, times ``FULL``."""
    counts = np.bincount(time_shift_bin(np.diff(events.onset)), minlength=TIME_SHIFT_BINS)
    histogram: AttributeHistograms = np.round(FULL * counts / max(counts.sum(), 1)).astype(np.uint8)
    return histogram


def time_shift_bin(ticks: Ints) -> Ints:
    """Bins of time shifts in ticks."""
    return np.where(ticks > 0, 1 + gap_bin(ticks), 0)


def step_bin(semitones: Ints) -> Ints:
    """Bins of melodic steps in semitones; all above an octave share one on either side."""
    bins: Ints = np.clip(semitones, -LARGEST_STEP, LARGEST_STEP) + LARGEST_STEP
    return bins


def gap_bin(ticks: Ints) -> Ints:
    """Bins of ticks between a part's onsets."""
    bins: Ints = np.searchsorted(GAP_EDGES, ticks, side="right")
    return bins


def tone_bin(pitch: Ints) -> Ints:
    """Bins of pitch classes; for drum keys of their voices."""
    return np.where(pitch < DRUM_PITCH, pitch % 12, DRUM_VOICES[pitch % DRUM_PITCH])


def register_bin(pitch: Ints) -> Ints:
    """Bins of half an octave; drum keys like pitches."""
    return pitch % DRUM_PITCH // REGISTER_SEMITONES


def place_bin(position: Ints, pitch: Ints) -> Ints:
    """Bins of positions in the bar in ticks, modulo a 4/4 bar; for drums voice and nearest sixteenth."""
    sixteenth = (position + GROOVE_TICKS // 2) // GROOVE_TICKS % PATTERN_SLOTS
    of_drums = DRUM_VOICES[pitch % DRUM_PITCH] * PATTERN_SLOTS + sixteenth
    return np.where(pitch < DRUM_PITCH, position // _PLACE_TICKS % _PLACES, of_drums)


def transposed_histograms(shares: NDArray[np.floating], parts: Sequence[int], semitones: int) -> NDArray[np.floating]:
    """``shares`` (P, A) of ``parts`` transposed by ``semitones``; drums stay as they are."""
    moved = shares.copy()
    pitched = [row for row, part in enumerate(parts) if not part_instrument(part)[1]]
    for attribute, bins in (("tone", semitones), ("register", round(semitones / REGISTER_SEMITONES))):
        moved[pitched, COLUMNS[attribute]] = np.roll(shares[pitched, COLUMNS[attribute]], bins, axis=-1)
    return moved


def _bins(events: EventSequence, part: int, position: Ints) -> dict[str, Ints]:
    """Bins of one part's notes by attribute; ``position`` (N,) of all notes in their bars."""
    own = events.part == part
    onset, pitch = events.onset[own], events.pitch[own]
    # Events are sorted, so the first of an onset is the lowest pitch.
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
