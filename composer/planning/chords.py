"""The chords asked for, and what the chords of a song mean for its key, masks and histograms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from composer.decoding.masks import Mask, PartMasks
from composer.planning.form import TONICS
from composer.request import ComposeRequest
from midi_data.analysis.chords import split_of
from midi_data.bars import meter_class
from midi_data.chords import chord_tones, parse_chords
from midi_data.events.encoding import VOCABULARY, Ints, part_instrument
from midi_data.keys import Key, estimate_key
from midi_data.song import Meter

_ROOT_WEIGHT = 2.0


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
