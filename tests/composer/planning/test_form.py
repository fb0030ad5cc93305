"""Sources of repeated bars lie within the song, no bar is silent, masks limit what parts may play."""

import numpy as np

from composer.decoding.masks import instrument_masks, template_masks
from composer.planning.form import filled, parts_within, within_excerpt
from midi_data.analysis.activity import MASKS_WIDTH, RESTS
from midi_data.analysis.attribute_histograms import COLUMNS, HISTOGRAMS_WIDTH, register_bin, tone_bin
from midi_data.analysis.repetition import NEW
from midi_data.events.features import LAGS
from tests.composer.checkpoints import BAND

DRUMS, GUITAR, BASS = BAND
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


def masks_row(low: int, high: int, grid: int, scale: int) -> np.ndarray:
    row = np.full(MASKS_WIDTH, -1)
    row[:2] = grid, scale
    row[2:7] = 128 + 36, 128 + 42, 3, 9, 4
    row[7:12] = row[12:17] = low, high, 3, 9, 1
    return row


NO_SHARES = np.zeros((len(BAND), HISTOGRAMS_WIDTH), dtype=np.uint8)


def test_template_masks_limit_pitch_velocity_and_grid_and_are_transposed() -> None:
    c_major = sum(1 << tone for tone in (0, 2, 4, 5, 7, 9, 11))
    row = masks_row(48, 72, 0b1000001000001000001, c_major)
    masks = template_masks(BAND, BAND, row, NO_SHARES, 2, in_scale=True)
    pitches = np.flatnonzero(masks.pitch[GUITAR])
    assert {pitch % 12 for pitch in pitches.tolist()} == {2, 4, 6, 7, 9, 11, 1}
    assert (pitches.min(), pitches.max()) == (50, 74)
    assert np.flatnonzero(masks.velocity[GUITAR]).tolist() == list(range(3, 10))
    assert np.flatnonzero(masks.grid).tolist() == [0, 6, 12, 18]
    assert np.flatnonzero(masks.pitch[DRUMS]).tolist() == list(range(128 + 36, 128 + 43))


def test_template_masks_limit_durations_velocities_and_drums() -> None:
    shares = NO_SHARES.copy()
    drums, guitar = shares[BAND.index(DRUMS)], shares[BAND.index(GUITAR)]
    guitar[COLUMNS["duration"]][[5, 10]] = 200, 1
    guitar[COLUMNS["velocity"]][[4, 8]] = 100, 155
    kick, snare = tone_bin(np.array([128 + 36, 128 + 38]))
    drums[COLUMNS["tone"]][[kick, snare]] = 100
    drums[COLUMNS["register"]][register_bin(np.array([128 + 36, 128 + 38]))] = 100
    masks = template_masks(BAND, BAND, masks_row(48, 72, 1, 0xFFF), shares, 0, in_scale=True)
    assert np.flatnonzero(masks.duration[GUITAR]).tolist() == [5, 10]
    assert np.flatnonzero(masks.velocity[GUITAR]).tolist() == [4, 8]
    assert masks.duration[BASS].all()
    # The kit's voices in the registers where they were struck, from 36 to 42 as the row says: no toms, no hi-hat.
    assert (np.flatnonzero(masks.pitch[DRUMS]) - 128).tolist() == [36, 37, 38, 39, 40]


def test_masks_that_leave_nothing_are_ignored() -> None:
    row = masks_row(120, 127, 1, 0)
    masks = template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True)
    free = instrument_masks(BAND)
    assert np.array_equal(masks.pitch[BASS], free.pitch[BASS])


def test_voices_are_those_of_the_template_capped_by_the_instrument() -> None:
    row = masks_row(48, 72, 1, 0xFFF)
    row[11], row[16] = 3, 9  # the guitar's, the bass's
    masks = template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True)
    assert masks.voices == {**instrument_masks(BAND).voices, GUITAR: 3}
    row[11] = -1  # no value
    assert template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True).voices == instrument_masks(BAND).voices


def test_the_softest_velocity_is_allowed_only_if_the_template_uses_it() -> None:
    shares, row = NO_SHARES.copy(), masks_row(48, 72, 1, 0xFFF)
    row[9] = 0  # the guitar's quietest
    shares[BAND.index(GUITAR)][COLUMNS["velocity"]][[0, 9]] = 5, 250
    masks = template_masks(BAND, BAND, row, shares, 0, in_scale=True)
    assert np.flatnonzero(masks.velocity[GUITAR]).tolist() == [0, 9]
    assert not instrument_masks(BAND).velocity[GUITAR][0]
