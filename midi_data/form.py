"""The form of a song, bar by bar: new, varied or repeated, and from how many bars ago. A plan before the first note.

Likeness of two bars is the share of notes (position, part, pitch) that they have in common (Jaccard). Knows notes and
bars only; nothing of networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from midi_data.bars import BarGrid
from midi_data.events import EventSequence, Ints, part_instrument
from midi_data.steps import LAGS, NONE, ONSET_SHIFT, PART_SHIFT

NOT_TOLD, NEW = 0, 1
LEVELS = (0.35, 0.75, 0.97)
"""Likeness from which a bar counts as varied, nearly the same, the same as an earlier one."""
FORM_CLASSES = 2 + len(LAGS) * len(LEVELS)
_TIE = 0.02
"""A farther bar must be this much more alike to be called the source."""


HIDING = (0.7, 0.2, 0.05, 0.02)
"""How often, in training, a pitched part's lookback is hidden in a new, varied, nearly same, same bar."""


def level_of(form: Ints) -> Ints:
    """0 new (or not told), 1 varied, 2 nearly the same, 3 the same."""
    return np.where(form <= NEW, 0, (form - 2) % len(LEVELS) + 1)


def source_of(form: Ints) -> Ints:
    """Which of ``LAGS`` each bar returns from; 0 for new bars."""
    return np.maximum(form - 2, 0) // len(LEVELS)


def draw_hidden(
    rng: np.random.Generator, form: Ints, band: tuple[int, ...], rates: tuple[float, ...] = HIDING
) -> NDArray[np.bool_]:
    """(bars, part classes + none): in which bars a part cannot look back. Drums always can: they carry on."""
    hidden = np.zeros((len(form), NONE["part"] + 1), dtype=np.bool_)
    pitched = [part for part in band if not part_instrument(part)[1]]
    share = np.asarray(rates)[level_of(form)]
    hidden[:, pitched] = rng.random((len(form), len(pitched))) < share[:, None]
    return hidden


def bar_likeness(events: EventSequence, grid: BarGrid, lag: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(bars,) Jaccard likeness of each bar to the one ``lag`` bars before; 0 where there is none or both are empty."""
    bar = grid.bar_of(events.onset)
    key = ((events.onset - grid.first_tick[bar]) << ONSET_SHIFT) + (events.part << PART_SHIFT) + events.pitch
    wide = 1 << 44
    common = np.isin((bar - lag) * wide + key, bar * wide + key)
    bars = len(grid)
    shared, size = np.bincount(bar[common], minlength=bars), np.bincount(bar, minlength=bars)
    earlier = np.concatenate([np.zeros(min(lag, bars), dtype=size.dtype), size[: max(bars - lag, 0)]])
    return np.where(np.arange(bars) >= lag, shared / np.maximum(size + earlier - shared, 1), 0.0)


def form_of(events: EventSequence, grid: BarGrid) -> Ints:
    """(bars,) classes: ``NEW``, or 2 + 3 × the index of the likest lag + how alike (0 varied … 2 the same)."""
    likeness = np.stack([bar_likeness(events, grid, lag) for lag in LAGS])
    favoured = likeness - _TIE * np.arange(len(LAGS))[:, None]
    source = favoured.argmax(axis=0)
    level = np.searchsorted(LEVELS, likeness[source, np.arange(len(grid))], side="right")
    return np.where(level == 0, NEW, 2 + len(LEVELS) * source + level - 1)
