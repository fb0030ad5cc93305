"""Outlines: what a song follows beside its request: facts, band, form, chords, activity, masks and histograms.

``composer.planning.draw`` draws one, ``composer.planning.files.like`` takes one of a file, ``plan_song`` uses it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from composer.decoding.masks import PartMasks
from composer.planning.form import Shares
from midi_data.analysis.activity import Activity
from midi_data.events.encoding import Ints
from midi_data.song import Meter


@dataclass(frozen=True, slots=True)
class Facts:
    """``bars``: length. ``key``: row of the key condition. ``density``: class, 0 none. ``style``: row, 0 any."""

    tempo_bpm: float
    meter: Meter
    bars: int
    key: int
    density: int
    style: int


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What a song follows, for the parts of ``band`` (rising part classes). No notes.

    ``repetition``, ``source_lag`` (bars,) and ``part_repetition`` (bars, parts): labels of
    ``midi_data.analysis.repetition``. ``activity`` (bars, parts): bins of ``midi_data.analysis.activity``. ``chords``
    (bars, 2): classes of ``midi_data.chords``, ``None`` unconditioned. ``attribute_histograms``: part class → (255,)
    shares.
    """

    facts: Facts
    band: tuple[int, ...]
    repetition: Ints
    source_lag: Ints
    part_repetition: Activity
    activity: Activity
    chords: Ints | None
    masks: PartMasks
    attribute_histograms: dict[int, Shares]


def played_again(outline: Outline, bars: int) -> Outline:
    """``outline`` over ``bars`` bars: from its last bar on it begins again; the last bar stays the last."""
    own = outline.facts.bars
    rows = np.arange(max(bars, own)) % own
    rows[-1] = own - 1
    return replace(
        outline,
        facts=replace(outline.facts, bars=len(rows)),
        repetition=outline.repetition[rows],
        source_lag=outline.source_lag[rows],
        part_repetition=outline.part_repetition[rows],
        activity=outline.activity[rows],
        chords=None if outline.chords is None else outline.chords[rows],
    )
