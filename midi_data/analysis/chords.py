"""The chords of a piece: two slots a bar, extracted from the notes of all pitched parts.

Each slot's pitch classes (weighted by duration and metrical place) and its lowest sounding notes are scored against the
tones of every chord as a multinomial with a background; a Viterbi path with a cost of change smooths the sequence
(template matching with an HMM, after Sheh & Ellis 2003, Bello & Pickens 2005).

Public functions:

- ``chord_slots(events, grid)``: (bars, 2) chord classes (``midi_data.chords``).
- ``chords_of(song)``: a name a bar, ``"Am"`` or ``"Am-G"``.
- ``slot_edges(grid)``: where slots begin; ``split_of`` says which meters have two slots a bar.

A bar of one slot (3/4, 6/8, 2/4 …) has the same chord in both columns.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import METERS, BarGrid
from midi_data.chords import CHORD_CLASSES, NO_CHORD, QUALITIES, bar_name
from midi_data.events.encoding import DURATIONS, EventSequence, Ints, encode
from midi_data.song import Song

Floats = NDArray[np.float64]

SPLITS = {(4, 4): 48, (2, 2): 48, (12, 8): 72, (6, 4): 72, (5, 4): 72, (7, 4): 96}
"""Ticks from the bar line to the second slot, of the meters that have two."""
_OTHER_SPLIT_BAR = 96
"""Bars of other meters have two slots from this many ticks on."""

_DRUM_PITCH = 128
_SAMPLES = 4
"""Instants a slot at which the lowest sounding note is taken."""
_LATE_TICKS = 2
"""Instants lie this many ticks after the grid, since hands are a little early or late."""
_BACKGROUND = 0.3
"""Probability that a sounding pitch class is none of the chord's."""
_EVIDENCE, _BASS_EVIDENCE = 5.2, 0.7
"""Weight of a slot's pitch classes and of its lowest notes."""
_COMPRESSION = 0.7
"""Power of a pitch class's duration: doubled notes count less than twice."""
_ON_SLOT = 1.5
"""Weight of a note that sounds at the slot's first instant, against 1."""
_ROOT_SHARE, _FIFTH_SHARE = 1.4, 0.9
"""Weights of root and fifth among the chord's tones, against 1."""
_BASS = {0: 0.6, 7: 0.12}
"""Probability of root and fifth as the lowest note; third (and others of the chord) share ``_BASS_TONE``."""
_BASS_TONE, _BASS_OTHER = 0.1, 0.018
_PRIOR = {"": 0.0, "m": 0.0, "5": -1.1, "7": -1.2, "maj7": -1.45, "m7": -1.45, "dim": -0.9, "m7b5": -2.5, "aug": -1.6,
          "sus2": -1.5, "sus4": -1.3}  # fmt: skip
"""Log weight of each quality."""
_CHANGE, _CHANGE_WITHIN = 2.0, 3.2
"""Cost in nats of a change at a bar line, and within a bar."""
_SILENT = 1.0
"""Cost of a chord in a slot without notes: a short rest keeps its chord."""
_UNFIT = 0.6
"""Log weight of no chord in a slot with notes, beside a uniform distribution."""


def split_of(meter: int, ticks: int) -> int:
    """Ticks from the bar line to the second slot of a bar of ``meter`` (class) and length ``ticks``; 0: one slot."""
    split = SPLITS.get(METERS[meter], 0) if meter < len(METERS) else 0
    if meter >= len(METERS) and ticks >= _OTHER_SPLIT_BAR:
        split = -(-ticks // 48) * 24
    return split if split < ticks else 0


def slot_edges(grid: BarGrid) -> tuple[Ints, Ints]:
    """(slots + 1,) ticks at which slots begin, and last the end; (slots,) each slot's row in (bars × 2)."""
    edges = [*grid.first_tick.tolist(), max(grid.end, int(grid.first_tick[-1]) + 1)]
    ticks: list[int] = []
    rows: list[int] = []
    for bar, (first, following) in enumerate(pairwise(edges)):
        split = split_of(int(grid.meter[bar]), following - first)
        ticks += [first, first + split] if split else [first]
        rows += [2 * bar, 2 * bar + 1] if split else [2 * bar]
    return np.array([*ticks, edges[-1]]), np.array(rows)


def chord_slots(events: EventSequence, grid: BarGrid) -> Ints:
    """(bars, 2) chord classes of each bar's two halves."""
    edges, rows = slot_edges(grid)
    path = _viterbi(_slot_scores(events, edges), rows % 2 == 1)
    chords = np.full(2 * len(grid), -1, dtype=np.int64)
    chords[rows] = path
    both = chords.reshape(-1, 2)
    both[:, 1] = np.where(both[:, 1] < 0, both[:, 0], both[:, 1])
    return both


def chords_of(song: Song) -> list[str]:
    """The name of each bar's chords, e.g. ``["Am", "F-G", "N.C."]``."""
    events = encode(song)
    grid = BarGrid.of(events.meters, events.end)
    return [bar_name(first, second) for first, second in chord_slots(events, grid).tolist()]


def transposed_chords(chords: Ints, semitones: int) -> Ints:
    """Chord classes of any shape, moved up by ``semitones``."""
    kinds = len(QUALITIES)
    moved: Ints = (chords - 1 + semitones * kinds) % (12 * kinds) + 1
    return np.where(chords == NO_CHORD, NO_CHORD, moved)


def _slot_scores(events: EventSequence, edges: Ints) -> Floats:
    """(slots, chord classes) log likelihood of each slot's notes."""
    pitched = events.pitch < _DRUM_PITCH
    onset, pitch = events.onset[pitched], events.pitch[pitched]
    end = onset + np.asarray(DURATIONS)[events.duration[pitched]]
    profile = _profiles(onset, end, pitch, edges)
    bass = _bass_profiles(onset, end, pitch, edges)
    scores = _EVIDENCE * profile**_COMPRESSION @ _TONE_LOGS.T + _BASS_EVIDENCE * bass @ _BASS_LOGS.T + _PRIOR_LOGS
    silent = profile.sum(axis=1) == 0
    scores[silent] = -_SILENT
    scores[silent, NO_CHORD] = 0
    return scores


def _profiles(onset: Ints, end: Ints, pitch: Ints, edges: Ints) -> Floats:
    """(slots, 12) how long each pitch class sounds in each slot, in slots; at most 1."""
    slots = len(edges) - 1
    note, slot = _covered(np.searchsorted(edges, onset, side="right") - 1, np.searchsorted(edges, end) - 1, slots)
    first, last = edges[slot], edges[slot + 1]
    overlap = np.minimum(end[note], last) - np.maximum(onset[note], first)
    weight = overlap * np.where(onset[note] <= first + _LATE_TICKS, _ON_SLOT, 1.0) / (last - first)
    profile = np.zeros((slots, 12))
    np.add.at(profile, (slot, pitch[note] % 12), weight)
    return np.minimum(profile, 1.0)


def _bass_profiles(onset: Ints, end: Ints, pitch: Ints, edges: Ints) -> Floats:
    """(slots, 12) shares of the instants at which each pitch class is the lowest; 0 where nothing sounds."""
    slots = len(edges) - 1
    steps = np.arange(_SAMPLES) / _SAMPLES
    instants = (edges[:-1, None] + np.diff(edges)[:, None] * steps).ravel().astype(np.int64) + _LATE_TICKS
    first = np.searchsorted(instants, onset)
    note, instant = _covered(first, np.searchsorted(instants, end) - 1, len(instants))
    lowest = np.full(len(instants), _DRUM_PITCH)
    np.minimum.at(lowest, instant, pitch[note])
    profile = np.zeros((slots, 12))
    weight = np.tile([1.6, *[0.8] * (_SAMPLES - 1)], slots) / _SAMPLES
    sounding = lowest < _DRUM_PITCH
    np.add.at(profile, (np.repeat(np.arange(slots), _SAMPLES)[sounding], lowest[sounding] % 12), weight[sounding])
    return profile


def _covered(first: Ints, last: Ints, count: int) -> tuple[Ints, Ints]:
    """(note, cell) of every cell from each note's ``first`` to its ``last``, within 0 … ``count`` − 1."""
    last = np.minimum(last, count - 1)
    lengths = np.maximum(last - first + 1, 0)
    note = np.repeat(np.arange(len(first)), lengths)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return note, first[note] + within


def _viterbi(scores: Floats, within: NDArray[np.bool_]) -> Ints:
    """(slots,) the best path through ``scores`` (slots, C) where any change costs alike; ``within``: inside a bar."""
    best = scores[0].copy()
    came = np.zeros(scores.shape, dtype=np.int64)
    stay = np.arange(scores.shape[1])
    for slot in range(1, len(scores)):
        cost = _CHANGE_WITHIN if within[slot] else _CHANGE
        top = int(best.argmax())
        changed = best[top] - cost > best
        came[slot] = np.where(changed, top, stay)
        best = np.where(changed, best[top] - cost, best) + scores[slot]
    path = np.empty(len(scores), dtype=np.int64)
    path[-1] = best.argmax()
    for slot in range(len(scores) - 1, 0, -1):
        path[slot - 1] = came[slot, path[slot]]
    return path


def _tables() -> tuple[Floats, Floats, Floats]:
    """(C, 12) log probabilities of a pitch class and of a lowest note, and (C,) the qualities' log weights."""
    tones = np.full((CHORD_CLASSES, 12), np.log(1 / 12))
    bass = np.full((CHORD_CLASSES, 12), np.log(1 / 12))
    prior = np.full(CHORD_CLASSES, -_UNFIT)
    for kind, (quality, intervals) in enumerate(QUALITIES.items()):
        weights = np.array([{0: _ROOT_SHARE, 7: _FIFTH_SHARE}.get(interval, 1.0) for interval in intervals])
        shares = np.full(12, _BACKGROUND / (12 - len(intervals)))
        shares[list(intervals)] = (1 - _BACKGROUND) * weights / weights.sum()
        lowest = np.full(12, _BASS_OTHER)
        lowest[list(intervals)] = [_BASS.get(interval, _BASS_TONE) for interval in intervals]
        lowest /= lowest.sum()
        for root in range(12):
            chord = 1 + root * len(QUALITIES) + kind
            tones[chord], bass[chord] = np.roll(np.log(shares), root), np.roll(np.log(lowest), root)
            prior[chord] = _PRIOR[quality]
    return tones, bass, prior


_TONE_LOGS, _BASS_LOGS, _PRIOR_LOGS = _tables()
