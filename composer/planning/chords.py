"""The chords of one song: asked for, or drawn by the planner; and what follows for key, masks and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from composer.decoding.masks import Mask, PartMasks
from composer.model.checkpoint import Checkpoint
from composer.planning.chart import ChartConditions, Planner
from composer.planning.conditioning import tempo_class
from composer.planning.template import TONICS, Shares, mode_of_row
from composer.request import ComposeRequest
from midi_data.analysis.attribute_histograms import COLUMNS
from midi_data.analysis.chords import split_of
from midi_data.bars import meter_class
from midi_data.chords import chord_tones, parse_chords
from midi_data.events.encoding import VOCABULARY, Ints, part_instrument
from midi_data.keys import Key, estimate_key
from midi_data.song import Meter

ASKED_CHORD_STRENGTH = 8.0
"""Factor on the bias towards the tones of asked chords; 1 for planned ones."""
_CHORD_STREAM = 2
"""Distinguishes the random numbers of chords from those of the plan and of the notes."""
_ROOT_WEIGHT = 2.0
_MODES = {"major": 1, "minor": 2}


def asked_chords(request: ComposeRequest, bars: int, meter: Meter) -> Ints | None:
    """(bars, 2) classes of the chords asked for, repeated over the song; ``None`` without any.

    A bar of one chord slot plays the first of two chords.
    """
    if not request.chords:
        return None
    pattern = np.array(parse_chords(" ".join(request.chords)).bars)
    chords: Ints = pattern[np.arange(bars) % len(pattern)]
    if not split_of(meter_class(meter), meter.bar_ticks):
        chords[:, 1] = chords[:, 0]
    return chords


def key_of_chords(request: ComposeRequest) -> Key | None:
    """The likeliest key of the chords asked for; ``None`` without any."""
    weights = np.zeros(TONICS)
    for chord in np.array(parse_chords(" ".join(request.chords)).bars).ravel() if request.chords else ():
        for index, tone in enumerate(chord_tones(int(chord))):
            weights[tone] += 1.0 if index else _ROOT_WEIGHT
    return estimate_key(weights.tolist()) if weights.any() else None


def planned_chords(
    checkpoint: Checkpoint,
    genres: Mapping[int, float],
    band: tuple[int, ...],
    form: tuple[Ints, Ints, Ints],
    meter: Meter,
    tempo_bpm: float,
    key_row: int,
    seed: int,
) -> Ints | None:
    """(bars, 2) chords drawn by the checkpoint's planner; ``None`` without a planner or without pitched parts.

    ``genres``: rows with weights. ``form``: labels, source lags (bars,) and activity (bars, parts of ``band``).
    ``key_row``: of the key condition.
    """
    if not checkpoint.planner or all(part_instrument(part)[1] for part in band):
        return None
    mode = mode_of_row(key_row)
    label, lag, activity = form
    conditions = ChartConditions(
        tuple((1 + row, weight) for row, weight in genres.items()),
        band,
        len(label),
        meter_class(meter),
        tempo_class(tempo_bpm),
        (key_row - 1) % TONICS if mode else 0,
        _MODES.get(mode or "", 0),
        split_of(meter_class(meter), meter.bar_ticks) > 0,
    )
    generator = np.random.Generator(np.random.PCG64([seed, _CHORD_STREAM]))
    chart = Planner(checkpoint.planner).sample(conditions, generator, form=(label, lag), activity=activity)
    return chart.chords


def masks_with_chords(masks: PartMasks, chords: Ints | None) -> PartMasks:
    """``masks`` whose pitched parts may also play, between their lowest and highest pitch, the tones of ``chords``."""
    if chords is None:
        return masks
    tones = {tone for chord in np.unique(chords).tolist() for tone in chord_tones(chord)}
    wanted = np.isin(np.arange(VOCABULARY["pitch"]) % TONICS, list(tones))
    pitch = {part: mask if part_instrument(part)[1] else _widened(mask, wanted) for part, mask in masks.pitch.items()}
    return replace(masks, pitch=pitch)


def _widened(mask: Mask, wanted: Mask) -> Mask:
    """``mask`` and those of ``wanted`` between its first and last."""
    used = np.flatnonzero(mask)
    within = (np.arange(len(mask)) >= used[0]) & (np.arange(len(mask)) <= used[-1])
    both: Mask = mask | (wanted & within)
    return both


def without_tones(histograms: Mapping[int, Shares], chords: Ints | None) -> dict[int, Shares]:
    """``histograms`` whose pitched parts say nothing of pitch classes, which follow the chords; all without chords."""
    if chords is None:
        return dict(histograms)
    found = {}
    for part, row in histograms.items():
        found[part] = row.copy()
        if not part_instrument(part)[1]:
            found[part][COLUMNS["tone"]] = 0
    return found
