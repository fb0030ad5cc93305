"""Roles of parts, and rules of repetition labels and activity that plans of every source share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.model.config import KEY_UNCONDITIONED
from midi_data.analysis.activity import RESTS, UNCONDITIONED, Activity
from midi_data.analysis.repetition import NEW, lag_index
from midi_data.events.encoding import Ints, part_instrument
from midi_data.events.features import LAGS

TONICS = 12
"""Rows of the key condition: major keys by tonic from 1 on, then minor keys."""
FEWEST_NOTES_A_BAR = 0.35
"""Parts with fewer notes a bar in the excerpt are dropped."""
_ROLES = {"bass": range(32, 40), "guitar": range(24, 32), "distorted guitar": range(29, 31)}
"""MIDI programs of each role."""

Shares = NDArray[np.float64]


def plays_role(part: int, role: str) -> bool:
    """Whether a part class plays ``drums``, ``bass``, ``guitar`` or ``distorted guitar`` (overdriven included)."""
    program, is_drum = part_instrument(part)
    return is_drum if role == "drums" else not is_drum and program in _ROLES[role]


def mode_of_row(key: int) -> str | None:
    """``major`` or ``minor`` of a row of the key condition; None without a key."""
    if not 0 < key < KEY_UNCONDITIONED:
        return None
    return "minor" if key > TONICS else "major"


def columns_for(table: Activity, own: tuple[int, ...], band: tuple[int, ...]) -> Activity:
    """Columns of ``table`` (bars, parts ``own``) as those of ``band``; 0 for parts it does not have."""
    found = np.zeros((len(table), len(band)), dtype=np.uint8)
    for column, part in enumerate(band):
        if part in own:
            found[:, column] = table[:, own.index(part)]
    return found


def within_excerpt(repetition: Ints, source_lag: Ints) -> tuple[Ints, Ints]:
    """Both (bars,), with bars ``NEW`` whose source would lie before the first bar."""
    index = lag_index(repetition)
    source = np.where(index < len(LAGS) - 1, np.array(LAGS)[index], source_lag)
    outside = (repetition > NEW) & (source > np.arange(len(repetition)))
    return np.where(outside, NEW, repetition), np.where(outside, LAGS[-1], source_lag)


def parts_within(part_repetition: Activity, source_lag: Ints) -> Activity:
    """(bars, parts) with parts ``NEW`` whose source would lie before the first bar."""
    lags = np.column_stack([np.tile(LAGS[:-1], (len(source_lag), 1)), source_lag])
    source = np.take_along_axis(lags, lag_index(part_repetition.astype(np.int64)), axis=1)
    outside = (part_repetition > NEW) & (source > np.arange(len(source_lag))[:, None])
    return np.where(outside, NEW, part_repetition).astype(np.uint8)


def filled(activity: Activity) -> Activity:
    """(bars, parts) where no bar rests in all parts: such a bar copies the one before, the first ones the next."""
    activity = activity.copy()
    silent = (activity == RESTS).all(axis=1)
    if silent.all():
        return np.full_like(activity, UNCONDITIONED)
    sounding = np.flatnonzero(~silent)
    for bar in np.flatnonzero(silent).tolist():
        before = sounding[sounding < bar]
        activity[bar] = activity[before[-1] if len(before) else sounding[0]]
    return activity
