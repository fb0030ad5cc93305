"""Masks of the values that the parts of a song may use: pitches, durations, velocities, and the grid of onsets.

Autoregressive sampling drifts: a rare value makes itself likelier. Masks keep parts to the ranges, drum keys and
division of the beat of a style or of a piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.style import DecodedStyle
from midi_data.analysis.attribute_histograms import COLUMNS, register_bin, tone_bin
from midi_data.events.encoding import DRUM_PITCH, VOCABULARY, part_instrument
from midi_data.general_midi import playable_range, usual_polyphony
from midi_data.song import TICKS_PER_QUARTER

Mask = NDArray[np.bool_]
RANGE_MARGIN = 3
"""Semitones that pitched parts may exceed the range of a decoded style by."""
QUIETEST_CLASS = 1
"""Velocity class 0 is not audible in a band."""
GRID_PROBABILITY = 0.5
"""Ticks of the quarter that a style uses at least as probably are allowed."""
_PITCHES = np.arange(VOCABULARY["pitch"])


@dataclass(frozen=True, slots=True, eq=False)
class PartMasks:
    """``pitch``, ``duration``, ``velocity``: part class → (V,) mask. ``grid`` (24,): ticks within a quarter.

    ``voices``: part class → notes at once.
    """

    pitch: Mapping[int, Mask]
    duration: Mapping[int, Mask]
    velocity: Mapping[int, Mask]
    voices: Mapping[int, int]
    grid: Mask


def instrument_masks(band: Sequence[int]) -> PartMasks:
    """Everything that the instruments of ``band`` can play."""
    return PartMasks(
        {part: _between(VOCABULARY["pitch"], *pitch_range(part)) for part in band},
        {part: np.ones(VOCABULARY["duration"], dtype=np.bool_) for part in band},
        {part: _between(VOCABULARY["velocity"], QUIETEST_CLASS, VOCABULARY["velocity"] - 1) for part in band},
        {part: usual_polyphony(*part_instrument(part)) for part in band},
        np.ones(TICKS_PER_QUARTER, dtype=np.bool_),
    )


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
        pitch[part] = _narrowed(free.pitch[part], _between(VOCABULARY["pitch"], low, high))
        velocity[part] = _narrowed(_between(VOCABULARY["velocity"], quiet, loud), used["velocity"])
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
    is meant would leave out the kick. Their histograms say which keys they have.
    """
    parts = band if parts is None else parts
    ranges = np.column_stack([style.lowest, style.highest, style.softest, style.loudest, style.voices])
    for part, row in zip(parts, ranges, strict=True):
        is_drum = part_instrument(part)[1]
        row[:2] = pitch_range(part) if is_drum else (row[0] - RANGE_MARGIN, row[1] + RANGE_MARGIN)
    shares = dict(zip(parts, style.shares, strict=True))
    return masks_of_ranges(band, dict(zip(parts, ranges, strict=True)), shares, style.grid >= GRID_PROBABILITY)


def pitch_range(part: int) -> tuple[int, int]:
    """Lowest and highest pitch class of a part, both included; drum keys are ``DRUM_PITCH`` higher."""
    program, is_drum = part_instrument(part)
    low, high = playable_range(program, is_drum)
    return low + DRUM_PITCH * is_drum, high + DRUM_PITCH * is_drum


def _between(count: int, low: int, high: int) -> Mask:
    """(count,) mask of ``low`` … ``high``."""
    mask = np.zeros(count, dtype=np.bool_)
    mask[max(low, 0) : high + 1] = True
    return mask


def _narrowed(mask: Mask, by: Mask) -> Mask:
    """Both masks, or ``mask`` alone if both leave nothing."""
    both: Mask = mask & by
    return both if both.any() else mask
