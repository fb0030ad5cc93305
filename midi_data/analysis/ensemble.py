"""Ensemble and melody of an excerpt: parts that play together, and what the melody does over the chords.

The bass is the first General MIDI bass part, else the lowest pitched part; the melody is the top line of the highest
other part. Figures are NaN where an excerpt has none.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.harmony import SlotChords, return_share, slot_chords
from midi_data.analysis.metrics import top_lines
from midi_data.bars import BarGrid, meter_class
from midi_data.chords import NO_CHORD
from midi_data.events.encoding import DURATIONS, EventSequence, Ints, part_instrument
from midi_data.song import TICKS_PER_QUARTER, Meter

KICKS, SNARES = (35, 36), (38, 40)
"""General MIDI drum keys."""
BASS_PROGRAMS = range(32, 40)
TOLERANCE_TICKS = 2
"""Onsets this close count as simultaneous."""
MOTIF_INTERVALS = 3
LEAP_SEMITONES = 5
"""Smallest leap (a fourth); a step has at most two semitones."""
FEWEST_MELODY_NOTES = 8
PHRASE_REST = TICKS_PER_QUARTER
"""A melody note followed by at least this rest ends a phrase."""
_DRUM_PITCH = 128
_FOUR_FOUR = meter_class(Meter(0, 4, 4))

Line = tuple[Ints, Ints]
"""Onsets in ticks and pitches, (N,) each."""


def ensemble(events: EventSequence, chords: SlotChords | None = None) -> dict[str, float]:
    """Every figure of ``ENSEMBLE_SOURCES`` for one excerpt."""
    chords = chords or slot_chords(events)
    kick, bass = _strokes(events, KICKS), _bass_onsets(events)
    onset, end, pitch = _melody(events)
    slots = chords.slot_of(onset)
    on_chord, known = chords.has_tone(slots, pitch), chords.chord[slots] != NO_CHORD
    gap = np.append(onset[1:], events.end) - end
    strong = np.isin(onset, np.add.outer(chords.edges[:-1], np.arange(TOLERANCE_TICKS + 1)))
    return {
        "kick_with_bass": together(kick, bass),
        "bass_with_kick": together(bass, kick),
        "backbeat": backbeat(events),
        "shared_onsets": shared_onsets(events),
        "phrase_end_on_chord": _share(on_chord[known & (gap >= PHRASE_REST)]),
        "strong_beat_on_chord": _share(on_chord[known & strong]),
        "motif_return": return_share(np.diff(pitch), MOTIF_INTERVALS),
        "leap_resolution": leap_resolution(pitch),
    }


ENSEMBLE_SOURCES = {
    "kick_with_bass": "kick strokes with a bass onset",
    "bass_with_kick": "bass onsets with a kick stroke",
    "backbeat": "beats 2 and 4 with a snare stroke, in 4/4",
    "shared_onsets": "onset ticks that two parts or more have in common",
    "phrase_end_on_chord": "melody notes before a rest of a quarter or more that are chord tones",
    "strong_beat_on_chord": "melody notes at the start of a chord slot that are chord tones",
    "motif_return": "melodic motifs of three intervals that occur again (n-gram repetition)",
    "leap_resolution": "melodic leaps of a fourth or more followed by a step back (gap fill: Meyer 1973)",
}
"""Definition and source of each figure. All are shares 0 … 1."""


def together(onsets: Ints, others: Ints) -> float:
    """Share of ``onsets`` (ticks) within ``TOLERANCE_TICKS`` of one of ``others``; NaN if either is empty."""
    if not len(onsets) or not len(others):
        return math.nan
    near = np.abs(onsets[:, None] - others).min(axis=1) <= TOLERANCE_TICKS
    return _share(near)


def backbeat(events: EventSequence) -> float:
    """Share of beats 2 and 4 of bars in 4/4 with a snare stroke; NaN without drums or without such bars."""
    grid = BarGrid.of(events.meters, events.end)
    bars = grid.first_tick[grid.meter == _FOUR_FOUR]
    if not len(bars) or not (events.pitch >= _DRUM_PITCH).any():
        return math.nan
    beats = np.add.outer(bars, np.array([1, 3]) * TICKS_PER_QUARTER).ravel()
    snare = _strokes(events, SNARES)
    return together(beats, snare) if len(snare) else 0.0


def shared_onsets(events: EventSequence) -> float:
    """Share of distinct onset ticks at which two parts or more start a note; NaN for fewer than two parts."""
    if len(events.band) < 2:
        return math.nan
    starts = np.unique(np.column_stack([events.onset, events.part]), axis=0)
    return _share(np.unique(starts[:, 0], return_counts=True)[1] > 1)


def leap_resolution(pitch: Ints) -> float:
    """Share of leaps in a melody (N,) that a step in the opposite direction follows; NaN without leaps."""
    steps = np.diff(pitch)
    leap, after = steps[:-1], steps[1:]
    leaps = np.abs(leap) >= LEAP_SEMITONES
    resolved = (np.abs(after) <= 2) & (np.sign(after) == -np.sign(leap))
    return _share(resolved[leaps])


def _strokes(events: EventSequence, keys: tuple[int, ...]) -> Ints:
    onsets: Ints = np.unique(events.onset[np.isin(events.pitch - _DRUM_PITCH, keys)])
    return onsets


def _bass_part(events: EventSequence) -> int | None:
    pitched = [part for part in events.band if not part_instrument(part)[1]]
    named = [part for part in pitched if part_instrument(part)[0] in BASS_PROGRAMS]
    if named or not pitched:
        return named[0] if named else None
    return min(pitched, key=lambda part: float(events.pitch[events.part == part].mean()))


def _bass_onsets(events: EventSequence) -> Ints:
    onsets: Ints = np.unique(events.onset[events.part == _bass_part(events)])
    return onsets


def _melody(events: EventSequence) -> tuple[Ints, Ints, Ints]:
    """(onset, end, pitch) of the melody, (N,) each; the bass only where no other part has enough notes."""
    parts = [part for part in events.band if not part_instrument(part)[1]]
    lines = dict(zip(parts, top_lines(events), strict=True))
    long = {part: line for part, line in lines.items() if len(line[0]) >= FEWEST_MELODY_NOTES}
    others = {part: line for part, line in long.items() if part != _bass_part(events)} or long
    if not others:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    part, (onset, pitch) = max(others.items(), key=lambda item: float(item[1][1].mean()))
    own = events.part == part
    lengths = dict(zip(zip(events.onset[own].tolist(), events.pitch[own].tolist(), strict=True),
                       events.duration[own].tolist(), strict=True))  # fmt: skip
    ends = [at + DURATIONS[lengths[at, key]] for at, key in zip(onset.tolist(), pitch.tolist(), strict=True)]
    return onset, np.array(ends, dtype=np.int64), pitch


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else math.nan
