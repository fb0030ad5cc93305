"""Masks of a decoded style keep pitched parts to its ranges, drums and velocities to its histograms."""

from __future__ import annotations

import numpy as np

from composer.model.style import DecodedStyle
from composer.planning.style_masks import style_masks
from midi_data.analysis.attribute_histograms import COLUMNS, HISTOGRAMS_WIDTH, TIME_SHIFT_BINS, register_bin, tone_bin
from midi_data.events.encoding import DRUM_PITCH, part_code

DRUMS, BASS = part_code(0, is_drum=True), part_code(33, is_drum=False)
KICK, SNARE = DRUM_PITCH + 36, DRUM_PITCH + 38


def style_of(shares: np.ndarray) -> DecodedStyle:
    """The style of drums and a bass with ``shares`` (2, 255)."""
    return DecodedStyle(
        shares,
        np.zeros(TIME_SHIFT_BINS),
        lowest=np.array([DRUM_PITCH + 37, 33]),
        highest=np.array([DRUM_PITCH + 46, 45]),
        softest=np.array([5, 5]),
        loudest=np.array([12, 12]),
        voices=np.array([3, 1]),
        grid=np.ones(24),
    )


def test_histograms_alone_say_which_velocities_a_part_has() -> None:
    shares = np.zeros((2, HISTOGRAMS_WIDTH))
    shares[1, COLUMNS["velocity"]][[3, 14]] = 0.5
    assert np.flatnonzero(style_masks((DRUMS, BASS), style_of(shares)).velocity[BASS]).tolist() == [3, 14]


def test_a_kick_below_the_stated_range_stays_if_the_histograms_have_it() -> None:
    shares = np.zeros((2, HISTOGRAMS_WIDTH))
    for key in (KICK, SNARE):
        shares[0, COLUMNS["tone"].start + tone_bin(np.array(key))] = 0.5
        shares[0, COLUMNS["register"].start + register_bin(np.array(key))] = 1.0
    masks = style_masks((DRUMS, BASS), style_of(shares))
    assert masks.pitch[DRUMS][[KICK, SNARE]].all()
    assert not masks.pitch[DRUMS][DRUM_PITCH + 46]  # an open hi-hat: within the range, not in the histograms
    assert np.flatnonzero(masks.pitch[BASS]).tolist() == list(range(30, 49))
