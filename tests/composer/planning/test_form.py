"""Sources of repeated bars lie within the song, no bar is silent."""

import numpy as np

from composer.planning.form import filled, parts_within, within_excerpt
from midi_data.analysis.activity import RESTS
from midi_data.analysis.repetition import NEW
from midi_data.events.features import LAGS

SAME_16_BARS_BACK = 2 + 3 * 4 + 2


def test_no_bar_is_silent() -> None:
    activity = np.full((24, 3), 4, dtype=np.uint8)
    activity[5] = activity[11:14] = RESTS
    assert (filled(activity) > RESTS).any(axis=1).all()


def test_a_bar_whose_source_lies_before_the_excerpt_is_new() -> None:
    repetition, source_lag = within_excerpt(np.full(20, SAME_16_BARS_BACK), np.full(20, LAGS[-1]))
    assert (repetition[:16] == NEW).all()
    assert (repetition[16:] == SAME_16_BARS_BACK).all()
    assert (source_lag[16:] == LAGS[-1]).all()


def test_a_part_whose_source_lies_before_the_excerpt_is_new() -> None:
    labels = parts_within(np.full((20, 3), SAME_16_BARS_BACK, dtype=np.uint8), np.full(20, 18))
    assert (labels[:18] == NEW).all()
    assert (labels[18:] == SAME_16_BARS_BACK).all()
