"""Masks of a decoded style: the ranges, lengths, velocities, drum keys and grid that its parts use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.decoding.masks import Mask, PartMasks, instrument_masks, mask_between, pitch_range
from composer.decoding.parameters import GRID_PROBABILITY, QUIETEST_CLASS, RANGE_MARGIN
from composer.model.style import DecodedStyle
from midi_data.analysis.attribute_histograms import COLUMNS, register_bin, tone_bin
from midi_data.events.encoding import VOCABULARY, part_instrument

_PITCHES = np.arange(VOCABULARY["pitch"])


def masks_of_ranges(
    band: Sequence[int], ranges: Mapping[int, Sequence[int]], shares: Mapping[int, NDArray[Any]], grid: Mask
) -> PartMasks:
    """Masks of the parts of ``band`` that ``ranges`` states; instrument masks for the others.

    ``ranges``: part class → lowest and highest pitch, softest and loudest velocity, voices. ``shares``: part class →
    (255,) histograms; durations, velocities and drum keys with a share of 0 are masked. ``grid`` (24,).
    """
    free = instrument_masks(band)
    pitch, duration, velocity, voices = dict(free.pitch), dict(free.duration), dict(free.velocity), dict(free.voices)
    for part in sorted(set(band) & set(ranges)):
        low, high, quiet, loud, held = (int(value) for value in ranges[part])
        used = {attribute: np.asarray(shares[part][columns] > 0) for attribute, columns in COLUMNS.items()}
        pitch[part] = _narrowed(free.pitch[part], mask_between(VOCABULARY["pitch"], low, high))
        velocity[part] = _narrowed(mask_between(VOCABULARY["velocity"], quiet, loud), used["velocity"])
        duration[part] = _narrowed(duration[part], used["duration"])
        if part_instrument(part)[1]:
            keys = used["tone"][tone_bin(_PITCHES)] & used["register"][register_bin(_PITCHES)]
            pitch[part] = _narrowed(pitch[part], keys)
        elif held > 0:
            voices[part] = min(held, voices[part])
    return PartMasks(pitch, duration, velocity, voices, grid)


def style_masks(band: Sequence[int], style: DecodedStyle, parts: Sequence[int] | None = None) -> PartMasks:
    """Masks of a decoded style of ``parts`` (``None``: of ``band``); instrument masks for the others of ``band``.

    Ranges are the likeliest ones, so parts may exceed them a little. That of drums is open: a lowest key of 37 where 36
    is meant would leave out the kick. Their histograms say which keys they have. Those of velocities are open too: a
    tenth of the notes that histograms plan lay outside them, most of all the accents.
    """
    parts = band if parts is None else parts
    ranges = np.column_stack([style.lowest, style.highest, style.softest, style.loudest, style.voices])
    for part, row in zip(parts, ranges, strict=True):
        is_drum = part_instrument(part)[1]
        row[:2] = pitch_range(part) if is_drum else (row[0] - RANGE_MARGIN, row[1] + RANGE_MARGIN)
        row[2:4] = QUIETEST_CLASS, VOCABULARY["velocity"] - 1
    shares = dict(zip(parts, style.shares, strict=True))
    return masks_of_ranges(band, dict(zip(parts, ranges, strict=True)), shares, style.grid >= GRID_PROBABILITY)


def _narrowed(mask: Mask, by: Mask) -> Mask:
    """Both masks, or ``mask`` alone if both leave nothing."""
    both: Mask = mask & by
    return both if both.any() else mask
