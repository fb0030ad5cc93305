"""Masks of the values that the parts of a song may use: pitches, durations, velocities, and the grid of onsets.

Autoregressive sampling drifts: a rare value makes itself likelier. Masks keep parts to the ranges, drum keys and
division of the beat of a style or of a piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.decoding.parameters import QUIETEST_CLASS
from midi_data.events.encoding import DRUM_PITCH, VOCABULARY, part_instrument
from midi_data.general_midi import playable_range, usual_polyphony
from midi_data.song import TICKS_PER_QUARTER

Mask = NDArray[np.bool_]


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
        {part: mask_between(VOCABULARY["pitch"], *pitch_range(part)) for part in band},
        {part: np.ones(VOCABULARY["duration"], dtype=np.bool_) for part in band},
        {part: mask_between(VOCABULARY["velocity"], QUIETEST_CLASS, VOCABULARY["velocity"] - 1) for part in band},
        {part: usual_polyphony(*part_instrument(part)) for part in band},
        np.ones(TICKS_PER_QUARTER, dtype=np.bool_),
    )


def pitch_range(part: int) -> tuple[int, int]:
    """Lowest and highest pitch class of a part, both included; drum keys are ``DRUM_PITCH`` higher."""
    program, is_drum = part_instrument(part)
    low, high = playable_range(program, is_drum)
    return low + DRUM_PITCH * is_drum, high + DRUM_PITCH * is_drum


def mask_between(count: int, low: int, high: int) -> Mask:
    """(count,) mask of ``low`` … ``high``."""
    mask = np.zeros(count, dtype=np.bool_)
    mask[max(low, 0) : high + 1] = True
    return mask
