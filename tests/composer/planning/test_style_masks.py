"""Masks of a decoded style keep pitched parts to its ranges, and drums to the keys of its histograms."""

from __future__ import annotations

import numpy as np

from composer.model.style import DecodedStyle
from composer.planning.style_masks import style_masks
from midi_data.analysis.attribute_histograms import COLUMNS, HISTOGRAMS_WIDTH, TIME_SHIFT_BINS, register_bin, tone_bin
from midi_data.events.encoding import DRUM_PITCH, part_code

DRUMS, BASS = part_code(0, is_drum=True), part_code(33, is_drum=False)
KICK, SNARE = DRUM_PITCH + 36, DRUM_PITCH + 38


def test_a_kick_below_the_stated_range_stays_if_the_histograms_have_it() -> None:
    shares = np.zeros((2, HISTOGRAMS_WIDTH))
    for key in (KICK, SNARE):
        shares[0, COLUMNS["tone"].start + tone_bin(np.array(key))] = 0.5
        shares[0, COLUMNS["register"].start + register_bin(np.array(key))] = 1.0
    style = DecodedStyle(
        shares,
        np.zeros(TIME_SHIFT_BINS),
        lowest=np.array([DRUM_PITCH + 37, 33]),
        highest=np.array([DRUM_PITCH + 46, 45]),
        softest=np.array([5, 5]),
        loudest=np.array([12, 12]),
        voices=np.array([3, 1]),
        grid=np.ones(24),
    )
    masks = style_masks((DRUMS, BASS), style)
    assert masks.pitch[DRUMS][[KICK, SNARE]].all()
    assert not masks.pitch[DRUMS][DRUM_PITCH + 46]  # an open hi-hat: within the range, not in the histograms
    assert np.flatnonzero(masks.pitch[BASS]).tolist() == list(range(30, 49))
