"""Histograms as conditions are the same in training as in composing, and can be dropped."""

from __future__ import annotations

import numpy as np
import pytest

from composer.model.plan_inputs import histogram_roots
from composer.model.style import StyleModel
from composer.model.style.features import without_pitched_tones
from midi_data.analysis.attribute_histograms import (
    COLUMNS,
    FULL,
    HISTOGRAMS_WIDTH,
    attribute_histograms_of,
    transposed_histograms,
)
from midi_data.bars import BarGrid
from midi_data.events.encoding import PART_LIMIT, VOCABULARY, EventSequence, encode, part_code, part_instrument
from tests.composer.model.test_style import random_weights
from tests.songs import riff
from training.data.examples import StyleCodec, Variation, conditioned_histograms, slots_of, some_bars

ALL_CONDITIONS = Variation(dropped=())


@pytest.fixture(scope="module")
def events() -> EventSequence:
    return encode(riff())


def grid_of(events: EventSequence) -> BarGrid:
    return BarGrid.of(events.meters, events.end)


@pytest.mark.parametrize("semitones", [0, 2, -5])
def test_training_and_composing_have_the_same_roots(events: EventSequence, semitones: int) -> None:
    roots = conditioned_histograms(events, grid_of(events), Variation(semitones=semitones, dropped=()))
    moved = transposed_histograms(attribute_histograms_of(events) / FULL, events.band, semitones)
    shares = dict(zip(events.band, without_pitched_tones(moved, events.band), strict=True))
    assert roots.shape == (1 + PART_LIMIT, HISTOGRAMS_WIDTH)
    np.testing.assert_allclose(roots[: 1 + len(events.band)], histogram_roots(shares, events.band), atol=1e-6)
    assert roots[1 : 1 + len(events.band)].any(axis=1).all()
    assert not roots[0].any()
    assert not roots[1 + len(events.band) :].any()


def test_scoring_conditions_have_no_histograms(events: EventSequence) -> None:
    assert not conditioned_histograms(events, grid_of(events), Variation()).any()


def test_tones_of_pitched_parts_are_a_condition_only_without_chords(events: EventSequence) -> None:
    grid, pitched = grid_of(events), [1 + row for row, part in enumerate(events.band) if not part_instrument(part)[1]]
    with_chords = conditioned_histograms(events, grid, ALL_CONDITIONS)
    without = conditioned_histograms(events, grid, Variation(dropped=("chords",)))
    assert not with_chords[pitched, COLUMNS["tone"]].any()
    assert without[pitched, COLUMNS["tone"]].any(axis=1).all()


def test_with_a_style_model_training_sees_what_the_piece_s_style_decodes_to(events: EventSequence) -> None:
    codec, grid = StyleCodec(StyleModel(random_weights(2)), {0: 1.0}), grid_of(events)
    scored = conditioned_histograms(events, grid, ALL_CONDITIONS, codec)
    drawn = [conditioned_histograms(events, grid, Variation(dropped=(), dropout_seed=n), codec) for n in range(2)]
    shares = codec.decoded(attribute_histograms_of(events) / FULL, events, None)
    np.testing.assert_allclose(scored[1 : 1 + len(events.band)] ** 2, shares, atol=1e-6)
    assert not np.array_equal(drawn[0], drawn[1])


def test_parts_are_dropped_one_by_one(events: EventSequence) -> None:
    roots = conditioned_histograms(events, grid_of(events), Variation(dropped=(), dropped_parts=0b1))
    assert not roots[1].any()
    assert roots[2 : 1 + len(events.band)].any(axis=1).all()


def test_training_uses_some_bars_and_drops_attributes(events: EventSequence) -> None:
    grid = grid_of(events)
    full = conditioned_histograms(events, grid, ALL_CONDITIONS)
    drawn = [conditioned_histograms(events, grid, Variation(dropped=(), dropout_seed=seed)) for seed in range(60)]
    assert any(not np.array_equal(each, full) for each in drawn)
    for columns in COLUMNS.values():
        if full[:, columns].any():
            missing = sum(not each[:, columns].any() for each in drawn)
            assert 0 < missing < 30


def test_some_bars_are_two_fifths_or_more_in_a_row(events: EventSequence) -> None:
    grid = grid_of(events)
    for seed in range(40):
        some = some_bars(np.random.default_rng(seed), events, grid)
        bars = len(BarGrid.of(some.meters, some.end))
        assert len(some)
        assert 0.4 * len(grid) - 1 <= bars <= len(grid)


def test_slots_name_the_rows_of_a_bands_parts() -> None:
    band = (part_code(0, is_drum=True), part_code(33, is_drum=False))
    parts = np.array([band[1], VOCABULARY["part"], band[0], part_code(40, is_drum=False)])
    assert slots_of(parts, band).tolist() == [2, 0, 1, 0]
