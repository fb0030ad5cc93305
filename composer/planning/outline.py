"""Outlines: what a song follows beside its request: facts, band, form, chords, activity, masks and histograms.

``plan_song`` takes an ``Outline``. ``outline_of_template`` makes one of a piece, ``composer.planning.draw`` draws one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from composer.decoding.masks import PartMasks, template_masks
from composer.planning.chords import masks_with_chords, without_tones
from composer.planning.template import (
    TONICS,
    Shares,
    Template,
    activity_for,
    mode_of_row,
    part_repetition_for,
    template_histograms,
)
from midi_data.analysis.activity import Activity
from midi_data.analysis.attribute_histograms import FULL
from midi_data.events.encoding import Ints
from midi_data.keys import Key
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
    shares; ``time_shift_histogram`` (21,) shares, all 0 unconditioned.
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
    time_shift_histogram: Shares


def outline_of_template(
    template: Template, facts: Facts, band: tuple[int, ...], key: Key | None, chords: Ints | None
) -> Outline:
    """The outline of a piece for the parts of ``band``, transposed to ``key``, with its ``chords`` (bars, 2).

    Parts that the template does not have are unconditioned, with the masks of their instruments.
    """
    semitones, same_mode = moved_to(key, template)
    masks = template_masks(
        band, template.parts, template.masks, template.attribute_histograms, semitones, in_scale=same_mode
    )
    histograms = template_histograms(
        band, template.parts, template.attribute_histograms, semitones, same_mode=same_mode
    )
    return Outline(
        facts,
        band,
        template.repetition,
        template.source_lag,
        part_repetition_for(template, band),
        activity_for(template, band),
        chords,
        masks_with_chords(masks, chords),
        without_tones(histograms, chords),
        np.asarray(template.time_shift_histogram / FULL * (band == template.band)),
    )


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


def moved_to(key: Key | None, template: Template) -> tuple[int, bool]:
    """(semitones from the template's key to ``key``, whether both have the same mode); (0, True) without ``key``."""
    if key is None:
        return 0, True
    row = template.facts["key"]
    mode = mode_of_row(row)
    semitones = (key.tonic - (row - 1) % TONICS + 6) % TONICS - 6 if mode else 0
    return semitones, mode == key.mode
