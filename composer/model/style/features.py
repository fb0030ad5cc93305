"""What the style model reads of a piece and says of a song, as arrays. P parts of the band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from composer.model.style.config import PROGRAMS
from midi_data.analysis.activity import MASK_COLUMNS, MASK_VALUES_PER_PART
from midi_data.analysis.attribute_histograms import COLUMNS, HISTOGRAMS_WIDTH
from midi_data.analysis.histograms import PATTERN_SLOTS
from midi_data.events.encoding import DRUM_PITCH, SAME_PROGRAM_LIMIT, VOCABULARY, Ints
from midi_data.general_midi import usual_polyphony
from midi_data.song import TICKS_PER_QUARTER

Floats = NDArray[np.float64]

_PITCH_CENTRE, _PITCH_SCALE = 64.0, 24.0
_LOUDEST = VOCABULARY["velocity"] - 1
_PITCHED_PLACES = 2 * PATTERN_SLOTS


def part_classes(band: Sequence[int]) -> Ints:
    """(P, 3) classes of family (0 drums, 1 + program // 8), program (0 drums, 1 + program) and occurrence."""
    code, occurrence = np.divmod(np.asarray(band, dtype=np.int64), SAME_PROGRAM_LIMIT)
    family = np.where(code == 0, 0, 1 + (code - 1) // 8)
    return np.column_stack([family, code, occurrence])


def _allowed_table() -> NDArray[np.bool_]:
    """(2, 255) bins that pitched parts and drums can have."""
    allowed = np.ones((2, HISTOGRAMS_WIDTH), dtype=np.bool_)
    allowed[1, COLUMNS["step"]] = False
    allowed[0, COLUMNS["tone"]] = False
    allowed[0, COLUMNS["place"].start + _PITCHED_PLACES : COLUMNS["place"].stop] = False
    return allowed


_ALLOWED = _allowed_table()
_POLYPHONY = np.array([usual_polyphony(max(code - 1, 0), code == 0) for code in range(PROGRAMS)])


def shares_allowed(is_drum: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(P, 255) bins that a part can have; ``is_drum`` (P,).

    Drums have no melodic steps. Pitched parts have no tones: their pitch classes follow the chords.
    """
    chosen: NDArray[np.bool_] = _ALLOWED[is_drum.astype(np.int64)]
    return chosen


def without_pitched_tones(shares: Floats, band: Sequence[int]) -> Floats:
    """``shares`` (P, 255) with 0 for the pitch classes of pitched parts."""
    kept: Floats = shares * shares_allowed(part_classes(band)[:, 0] == 0)
    return kept


def stated_of(masks: Ints, parts: int) -> tuple[Ints, Ints]:
    """(P, 5) ``STATED`` and (24,) ticks in the quarter of a row of ``midi_data.analysis.activity.masks_of``."""
    first = len(MASK_COLUMNS)
    stated = masks[first : first + MASK_VALUES_PER_PART * parts].reshape(parts, MASK_VALUES_PER_PART)
    grid: Ints = np.asarray(masks[0] >> np.arange(TICKS_PER_QUARTER) & 1)
    return stated, grid


def range_columns(stated: Ints, band: Sequence[int]) -> Floats:
    """(P, 5) ``stated`` as inputs around 0: pitches in two octaves, velocities from −1 to 1, log₂ of voices."""
    drum = part_classes(band)[:, :1] == 0
    pitch = (stated[:, :2] - DRUM_PITCH * drum - _PITCH_CENTRE) / _PITCH_SCALE
    return np.hstack([pitch, 2 * stated[:, 2:4] / _LOUDEST - 1, np.log2(np.maximum(stated[:, 4:], 1)) / 2])


def stated_from(columns: Floats, band: Sequence[int]) -> Ints:
    """(P, 5) the inverse of ``range_columns``, within what an instrument can do."""
    code = np.asarray(band) // SAME_PROGRAM_LIMIT
    drum = code[:, None] == 0
    pitch = np.clip(np.rint(columns[:, :2] * _PITCH_SCALE + _PITCH_CENTRE), 0, DRUM_PITCH - 1)
    velocity = np.clip(np.rint((columns[:, 2:4] + 1) / 2 * _LOUDEST), 0, _LOUDEST)
    voices = np.clip(np.rint(2 ** (2 * columns[:, 4:])), 1, _POLYPHONY[code][:, None])
    found = np.hstack([np.sort(pitch, axis=1) + DRUM_PITCH * drum, np.sort(velocity, axis=1), voices])
    return found.astype(np.int64)
