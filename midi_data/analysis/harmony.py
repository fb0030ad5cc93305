"""Harmony of an excerpt: how well notes fit chords, how chords move, and clashes between parts.

Chords are those of ``midi_data.analysis.chords``, two slots a bar in 4/4. Two figures take the best triad or seventh of
each slot alone instead, by template matching (Fujishima 1999): smoothing would hide parts that disagree.
Figures are NaN where an excerpt has none.

Shape letters: S chord slots, N pitched notes, C templates (12 roots × 7 qualities).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.chords import chord_slots, slot_edges
from midi_data.bars import BarGrid
from midi_data.chords import NO_CHORD, chord_root, chord_tones
from midi_data.events.encoding import DURATIONS, EventSequence, Ints

Floats = NDArray[np.float64]

TEMPLATES = ((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8), (0, 4, 7, 10), (0, 4, 7, 11), (0, 3, 7, 10))
"""Semitones above the root: major, minor, diminished, augmented, dominant, major and minor seventh."""
NOTHING = -1
"""Template, root or bass of a slot without one."""
LOW_QUANTILE = 0.15
PROGRESSION_CHORDS = 4
BASS_WEIGHT = 2.0
"""Weight of the lowest note in the choice of a template, against 1."""
_DRUM_PITCH = 128


@dataclass(frozen=True, slots=True, eq=False)
class SlotChords:
    """Chords of an excerpt's S slots.

    ``edges`` (S + 1,): ticks. ``chord`` (S,): chord class (``midi_data.chords``). ``template`` (S,): best template of
    the slot alone. ``fit`` (S,): largest share of pitched duration that one template covers. ``bass`` (S,): pitch class
    of the lowest note at the slot's start.
    """

    edges: Ints
    chord: Ints
    template: Ints
    fit: Floats
    bass: Ints

    @property
    def root(self) -> Ints:
        """(S,) pitch classes of the chord roots."""
        roots = [chord_root(chord) for chord in self.chord.tolist()]
        return np.array([NOTHING if root is None else root for root in roots], dtype=np.int64)

    def has_tone(self, slots: Ints, pitch: Ints) -> NDArray[np.bool_]:
        """(M,) whether each ``pitch`` (M,) is a tone of the chord of its slot (M,)."""
        pairs = zip(self.chord[slots].tolist(), (pitch % 12).tolist(), strict=True)
        return np.array([tone in chord_tones(chord) for chord, tone in pairs], dtype=np.bool_)

    def slot_of(self, ticks: Ints) -> Ints:
        """The slot in which each tick lies."""
        slots: Ints = np.clip(np.searchsorted(self.edges, ticks, side="right") - 1, 0, len(self.chord) - 1)
        return slots


def slot_chords(events: EventSequence) -> SlotChords:
    """The chords of the slots of ``events``."""
    grid = BarGrid.of(events.meters, events.end)
    edges, rows = slot_edges(grid)
    onset, end, pitch, _ = _pitched(events)
    profile = _overlaps(onset, end, edges) @ np.eye(12)[pitch % 12]  # (S, 12) ticks
    bass = _lowest(onset, end, pitch, edges[:-1])
    template, fit = _best_templates(profile, bass)
    return SlotChords(edges, chord_slots(events, grid).ravel()[rows], template, fit, bass)


def _best_templates(profile: Floats, bass: Ints) -> tuple[Ints, Floats]:
    """(S,) best templates of ``profile`` (S, 12), the ``bass`` (S,) counted twice, and the largest covered shares."""
    weighted = profile.copy()
    rows = np.flatnonzero(bass >= 0)
    weighted[rows, bass[rows]] *= BASS_WEIGHT
    templates = _templates().astype(np.float64)  # (C, 12)
    similarity = weighted @ (templates / np.sqrt(templates.sum(1, keepdims=True))).T  # (S, C), cosine up to a factor
    total = profile.sum(1)
    covered = (profile @ templates.T).max(1) / np.maximum(total, 1e-9)
    return np.where(total > 0, similarity.argmax(1), NOTHING), np.where(total > 0, covered, math.nan)


def harmony(events: EventSequence, chords: SlotChords | None = None) -> dict[str, float]:
    """Every figure of ``HARMONY_SOURCES`` for one excerpt."""
    chords = chords or slot_chords(events)
    fit = chords.fit[np.isfinite(chords.fit)]
    clash, tritone = interval_shares(events)
    return {
        "chord_fit": _mean(fit),
        "chord_fit_low": float(np.quantile(fit, LOW_QUANTILE)) if len(fit) else math.nan,
        "template_change_rate": change_rate(chords.template, NOTHING),
        "chord_change_rate": change_rate(chords.chord, NO_CHORD),
        "distinct_chords": _distinct(chords.chord),
        "progression_return": progression_return(chords.root),
        "same_chord_2_bars": _same_after(events, chords, 2),
        "same_chord_4_bars": _same_after(events, chords, 4),
        "clash_share": clash,
        "tritone_share": tritone,
        "bass_on_root": _bass_on_root(chords),
        "tonal_distance": tonal_distance(events, chords.edges),
    }


HARMONY_SOURCES = {
    "chord_fit": "pitched duration covered by the best triad or seventh of a slot, mean (template matching: Fujishima "
    "1999)",
    "chord_fit_low": "the same, 15 % quantile over slots",
    "template_change_rate": "neighbouring slots with different best triads or sevenths, each slot taken alone",
    "chord_change_rate": "neighbouring slots with different chords",
    "distinct_chords": "different chords / slots with a chord",
    "progression_return": "progressions (roots of four successive slots) that occur again (n-gram repetition)",
    "same_chord_2_bars": "slots with the chord of two bars later",
    "same_chord_4_bars": "slots with the chord of four bars later",
    "clash_share": "simultaneous duration of note pairs of two parts a semitone or major seventh apart",
    "tritone_share": "the same for tritones",
    "bass_on_root": "slots that start with the chord root as the lowest note",
    "tonal_distance": "mean distance of the parts' tonal centroids in a slot (Harte et al. 2006; MuseGAN, Dong et al. "
    "2018)",
}
"""Definition and source of each figure. All are shares 0 … 1 but ``tonal_distance``."""


def change_rate(chord: Ints, missing: int) -> float:
    """Share of neighbouring slots of ``chord`` (S,), neither of them ``missing``, that differ; NaN for none."""
    known = (chord[1:] != missing) & (chord[:-1] != missing)
    return _mean((chord[1:] != chord[:-1])[known])


def progression_return(roots: Ints) -> float:
    """Share of progressions, the roots of four successive slots with a chord, that occur more than once."""
    return return_share(roots[roots != NOTHING], PROGRESSION_CHORDS)


def return_share(values: Ints, length: int) -> float:
    """Share of the n-grams of ``values`` (N,) with ``length`` items that occur more than once; NaN for none."""
    if len(values) < length:
        return math.nan
    grams = np.lib.stride_tricks.sliding_window_view(values, length)  # (N − length + 1, length)
    counts = np.unique(grams, axis=0, return_counts=True)[1]
    return float(counts[counts > 1].sum() / len(grams))


def interval_shares(events: EventSequence) -> tuple[float, float]:
    """Shares of the simultaneous duration of note pairs of different parts: semitones and major sevenths; tritones."""
    onset, end, pitch, part = _pitched(events)
    if not len(onset):
        return math.nan, math.nan
    together = np.minimum(end[:, None], end) - np.maximum(onset[:, None], onset)  # (N, N) ticks
    pairs = np.triu((together > 0) & (part[:, None] != part))
    total = together[pairs].sum()
    if not total:
        return math.nan, math.nan
    interval = np.abs(pitch[:, None] - pitch)[pairs] % 12
    weights = together[pairs]
    return float(weights[np.isin(interval, (1, 11))].sum() / total), float(weights[interval == 6].sum() / total)


def tonal_distance(events: EventSequence, edges: Ints) -> float:
    """Mean distance of the tonal centroids of every two pitched parts that play in a slot; NaN for one part."""
    onset, end, pitch, part = _pitched(events)
    overlap = _overlaps(onset, end, edges)  # (S, N)
    centroids = []
    for own in np.unique(part):
        profile = (overlap * (part == own)) @ np.eye(12)[pitch % 12]  # (S, 12)
        total = profile.sum(1, keepdims=True)
        shares = np.divide(profile, total, out=np.full_like(profile, np.nan), where=total > 0)
        centroids.append(shares @ _tonal_basis())  # (S, 6)
    distances = [np.linalg.norm(one - other, axis=1) for one, other in combinations(centroids, 2)]
    known = np.concatenate([*distances, np.zeros(0)])
    return _mean(known[np.isfinite(known)])


@cache
def _tonal_basis() -> Floats:
    """(12, 6): pitch classes on the circles of fifths, minor thirds and major thirds (Harte et al. 2006)."""
    classes = np.arange(12)
    circles = [(7 * np.pi / 6, 1.0), (3 * np.pi / 2, 1.0), (2 * np.pi / 3, 0.5)]
    return np.column_stack([radius * wave(classes * angle) for angle, radius in circles for wave in (np.sin, np.cos)])


@cache
def _templates() -> NDArray[np.bool_]:
    """(C, 12) masks of the tones of each template, root by root."""
    masks = np.zeros((12 * len(TEMPLATES), 12), dtype=np.bool_)
    for row in range(len(masks)):
        root, quality = divmod(row, len(TEMPLATES))
        masks[row, [(root + tone) % 12 for tone in TEMPLATES[quality]]] = True
    return masks


def _pitched(events: EventSequence) -> tuple[Ints, Ints, Ints, Ints]:
    """(onset, end, pitch, part) of the pitched notes, (N,) each; onset and end in ticks."""
    own = events.pitch < _DRUM_PITCH
    onset = events.onset[own]
    return onset, onset + np.asarray(DURATIONS)[events.duration[own]], events.pitch[own], events.part[own]


def _overlaps(onset: Ints, end: Ints, edges: Ints) -> Floats:
    """(S, N) ticks for which each note sounds in each slot."""
    first, last = np.maximum(onset, edges[:-1, None]), np.minimum(end, edges[1:, None])
    overlap: Floats = np.maximum(last - first, 0).astype(np.float64)
    return overlap


def _lowest(onset: Ints, end: Ints, pitch: Ints, starts: Ints) -> Ints:
    """(S,) pitch class of the lowest note that sounds just after each start, −1 for none."""
    instants = starts[:, None] + 2  # notes a little late still count
    sounding = (onset <= instants) & (end > instants)  # (S, N)
    lowest = np.where(sounding, pitch, _DRUM_PITCH).min(axis=1, initial=_DRUM_PITCH)
    return np.where(lowest < _DRUM_PITCH, lowest % 12, NOTHING)


def _distinct(chord: Ints) -> float:
    known = chord[chord != NO_CHORD]
    return len(np.unique(known)) / len(known) if len(known) else math.nan


def _same_after(events: EventSequence, chords: SlotChords, bars: int) -> float:
    """Share of slots whose chord also stands at the same place ``bars`` bars later."""
    grid = BarGrid.of(events.meters, events.end)
    starts = chords.edges[:-1]
    bar = grid.bar_of(starts)
    later = np.flatnonzero(bar + bars < len(grid))
    target = grid.first_tick[bar[later] + bars] + starts[later] - grid.first_tick[bar[later]]
    one, other = chords.chord[later], chords.chord[chords.slot_of(target)]
    known = (one != NO_CHORD) & (other != NO_CHORD)
    return _mean((one == other)[known])


def _bass_on_root(chords: SlotChords) -> float:
    known = (chords.chord != NO_CHORD) & (chords.bass >= 0)
    return _mean((chords.bass == chords.root)[known])


def _mean(values: NDArray[np.bool_] | Floats) -> float:
    return float(np.asarray(values, dtype=np.float64).mean()) if len(values) else math.nan
