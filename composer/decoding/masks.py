"""What the parts of one song may use: pitches, lengths, velocities and divisions of the beat, as masks.

A network that is drawn from goes astray a little at every step and then follows itself. Real pieces do not: a guitar
keeps to its neck, a tune to its scale, a drummer to the drums that stand there, to triplets or to sixteenths. Pure
functions, no sampling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from midi_data.analysis.activity import MASK_COLUMNS, MASK_VALUES_PER_PART
from midi_data.analysis.attribute_histograms import COLUMNS, AttributeHistograms, register_bin, tone_bin
from midi_data.events.encoding import VOCABULARY, Ints, part_instrument
from midi_data.general_midi import playable_range, usual_polyphony
from midi_data.song import TICKS_PER_QUARTER

Mask = NDArray[np.bool_]
QUIETEST_CLASS = 1
"""Velocity class 0 cannot be heard in a band."""
_PITCHES = np.arange(VOCABULARY["pitch"])


@dataclass(frozen=True, slots=True, eq=False)
class PartMasks:
    """Masks: ``pitch``, ``duration``, ``velocity`` (V,) of each part; ``grid`` (24,) ticks into the quarter.

    ``voices``: how many notes each part holds at once, at most.
    """

    pitch: Mapping[int, Mask]
    duration: Mapping[int, Mask]
    velocity: Mapping[int, Mask]
    voices: Mapping[int, int]
    grid: Mask


def instrument_masks(band: Sequence[int]) -> PartMasks:
    """Whatever the instruments can play."""
    return PartMasks(
        {part: _between(VOCABULARY["pitch"], *pitch_range(part)) for part in band},
        {part: np.ones(VOCABULARY["duration"], dtype=np.bool_) for part in band},
        {part: _between(VOCABULARY["velocity"], QUIETEST_CLASS, VOCABULARY["velocity"] - 1) for part in band},
        {part: usual_polyphony(*part_instrument(part)) for part in band},
        np.ones(TICKS_PER_QUARTER, dtype=np.bool_),
    )


def template_masks(
    band: Sequence[int], heard: Sequence[int], row: Ints, shares: AttributeHistograms, semitones: int, *, in_scale: bool
) -> PartMasks:
    """The habits of a piece heard for the parts of ``band`` it has.

    ``heard``: that piece's parts. ``row`` as in ``midi_data.analysis.activity``, ``shares`` as in
    ``midi_data.analysis.attribute_histograms``:
    a length, a velocity or a drum that a part never plays there is none of its habits. Pitches move by ``semitones``;
    its scale binds only where ``in_scale``.
    """
    free = instrument_masks(band)
    scale = _scale(int(row[1]), semitones) if in_scale else np.ones(VOCABULARY["pitch"], dtype=np.bool_)
    pitch, duration, velocity, voices = dict(free.pitch), dict(free.duration), dict(free.velocity), dict(free.voices)
    for part in set(band) & set(heard):
        place = list(heard).index(part)
        first = len(MASK_COLUMNS) + MASK_VALUES_PER_PART * place
        low, high, quiet, loud, held = row[first : first + MASK_VALUES_PER_PART].tolist()
        is_drum = part_instrument(part)[1]
        moved = 0 if is_drum else semitones
        pitch[part] = _narrowed(free.pitch[part], _between(VOCABULARY["pitch"], low + moved, high + moved))
        velocity[part] = _between(VOCABULARY["velocity"], quiet, loud)
        used = {kind: shares[place, columns] > 0 for kind, columns in COLUMNS.items()}
        velocity[part] = _narrowed(velocity[part], used["velocity"])
        duration[part] = _narrowed(duration[part], used["duration"])
        if held > 0 and not is_drum:
            voices[part] = min(held, voices[part])
        if is_drum:
            kit = used["tone"][tone_bin(_PITCHES)] & used["register"][register_bin(_PITCHES)]
            pitch[part] = _narrowed(pitch[part], kit)
    for part in band:
        if not part_instrument(part)[1]:
            pitch[part] = _narrowed(pitch[part], scale)
    return PartMasks(pitch, duration, velocity, voices, _bits(int(row[0]), TICKS_PER_QUARTER))


def pitch_range(part: int) -> tuple[int, int]:
    """Lowest and highest pitch class of a part (drum keys stand 128 higher), both included."""
    program, is_drum = part_instrument(part)
    low, high = playable_range(program, is_drum)
    return low + 128 * is_drum, high + 128 * is_drum


def _scale(bits: int, semitones: int) -> Mask:
    """(V_pitch,) pitches whose class is among ``bits``, moved."""
    classes = np.roll(_bits(bits, 12), semitones)
    return classes[np.arange(VOCABULARY["pitch"]) % 12]


def _bits(bits: int, count: int) -> Mask:
    return np.array([bits >> bit & 1 for bit in range(count)], dtype=np.bool_)


def _between(count: int, low: int, high: int) -> Mask:
    mask = np.zeros(count, dtype=np.bool_)
    mask[max(low, 0) : high + 1] = True
    return mask


def _narrowed(mask: Mask, by: Mask) -> Mask:
    """Both, or the first alone where nothing would be left."""
    both: Mask = mask & by
    return both if both.any() else mask
