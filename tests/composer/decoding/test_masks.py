"""Masks limit what the parts of a band may play."""

from __future__ import annotations

import numpy as np

from composer.decoding.masks import PartMasks, instrument_masks
from composer.planning.style_masks import masks_of_ranges
from midi_data.analysis.attribute_histograms import COLUMNS, HISTOGRAMS_WIDTH, register_bin, tone_bin
from tests.composer.checkpoints import BAND

DRUMS, GUITAR, BASS = BAND
NO_SHARES = np.zeros((len(BAND), HISTOGRAMS_WIDTH))
GRID = np.arange(24) % 6 == 0


def masks_of(low: int, high: int, softest: int = 3, voices: int = 1, shares: np.ndarray = NO_SHARES) -> PartMasks:
    """Masks of a band whose pitched parts have the ranges given, and a kit of keys 36 to 42."""
    ranges = {DRUMS: (128 + 36, 128 + 42, 3, 9, 4), GUITAR: (low, high, softest, 9, voices)}
    return masks_of_ranges(BAND, ranges, dict(zip(BAND, shares, strict=True)), GRID)


def test_ranges_limit_pitch_velocity_and_grid() -> None:
    masks = masks_of(48, 72)
    assert np.flatnonzero(masks.pitch[GUITAR]).tolist() == list(range(48, 73))
    assert np.flatnonzero(masks.velocity[GUITAR]).tolist() == list(range(3, 10))
    assert np.flatnonzero(masks.grid).tolist() == [0, 6, 12, 18]
    assert np.flatnonzero(masks.pitch[DRUMS]).tolist() == list(range(128 + 36, 128 + 43))


def test_parts_without_ranges_play_all_that_their_instrument_can() -> None:
    free = instrument_masks(BAND)
    assert np.array_equal(masks_of(48, 72).pitch[BASS], free.pitch[BASS])
    assert masks_of(48, 72).voices[BASS] == free.voices[BASS]


def test_shares_limit_durations_velocities_and_drums() -> None:
    shares = NO_SHARES.copy()
    drums, guitar = shares[BAND.index(DRUMS)], shares[BAND.index(GUITAR)]
    guitar[COLUMNS["duration"]][[5, 10]] = 0.8, 0.01
    guitar[COLUMNS["velocity"]][[4, 8]] = 0.4, 0.6
    kick, snare = tone_bin(np.array([128 + 36, 128 + 38]))
    drums[COLUMNS["tone"]][[kick, snare]] = 0.4
    drums[COLUMNS["register"]][register_bin(np.array([128 + 36, 128 + 38]))] = 0.4
    masks = masks_of(48, 72, shares=shares)
    assert np.flatnonzero(masks.duration[GUITAR]).tolist() == [5, 10]
    assert np.flatnonzero(masks.velocity[GUITAR]).tolist() == [4, 8]
    assert masks.duration[BASS].all()
    # The kit's voices in the registers where they were struck, from 36 to 42 as the range says: no toms, no hi-hat.
    assert (np.flatnonzero(masks.pitch[DRUMS]) - 128).tolist() == [36, 37, 38, 39, 40]


def test_a_range_that_leaves_nothing_is_ignored() -> None:
    assert np.array_equal(masks_of(120, 127).pitch[GUITAR], instrument_masks(BAND).pitch[GUITAR])


def test_voices_are_capped_by_the_instrument() -> None:
    assert masks_of(48, 72, voices=3).voices[GUITAR] == 3
    assert masks_of(48, 72, voices=99).voices[GUITAR] == instrument_masks(BAND).voices[GUITAR]
    assert masks_of(48, 72, voices=-1).voices[GUITAR] == instrument_masks(BAND).voices[GUITAR]


def test_the_softest_velocity_is_allowed_only_if_it_is_used() -> None:
    shares = NO_SHARES.copy()
    shares[BAND.index(GUITAR)][COLUMNS["velocity"]][[0, 9]] = 0.02, 0.98
    assert np.flatnonzero(masks_of(48, 72, softest=0, shares=shares).velocity[GUITAR]).tolist() == [0, 9]
