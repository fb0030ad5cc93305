"""Sampling rules are what they say: distributions are kept, cut, or moved, and nothing forbidden is ever drawn."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.decoding.sampling_parameters import (
    draw,
    embedding_logits,
    entropy,
    min_p,
    neighbour_distance,
    parameters_for,
    softmax,
    top_p,
    typical,
)

logits_strategy = st.lists(st.floats(-20, 20), min_size=2, max_size=12).map(np.array)


@given(logits_strategy, st.floats(0.1, 3))
def test_probabilities_sum_to_one_and_keep_the_order(logits: np.ndarray, temperature: float) -> None:
    probs = softmax(logits, temperature)
    assert probs.sum() == pytest.approx(1)
    assert np.argmax(probs) == np.argmax(logits) or probs[np.argmax(logits)] == pytest.approx(probs.max())


@given(logits_strategy, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_the_share(logits: np.ndarray, share: float) -> None:
    probs = softmax(logits)
    kept = top_p(probs, share)
    assert kept.sum() == pytest.approx(1)
    inside = probs[kept > 0]
    assert inside.sum() >= share - 1e-9
    assert inside.sum() - inside.min() < share + 1e-9
    assert probs[kept == 0].max(initial=0) <= inside.min()


@given(logits_strategy, st.floats(0.01, 0.99))
def test_min_p_keeps_what_is_likely_beside_the_likeliest(logits: np.ndarray, share: float) -> None:
    probs = softmax(logits)
    kept = min_p(probs, share)
    assert kept.sum() == pytest.approx(1)
    assert np.array_equal(kept > 0, (probs >= (1 - share) * probs.max()) & (probs > 0))


@given(logits_strategy, st.floats(0.01, 0.99))
def test_typical_keeps_the_classes_of_usual_surprise(logits: np.ndarray, share: float) -> None:
    probs = softmax(logits)
    kept = typical(probs, share)
    assert kept.sum() == pytest.approx(1)
    assert probs[kept > 0].sum() >= share - 1e-9
    away = np.abs(-np.log(probs) - entropy(probs))
    assert away[kept > 0].max() <= away[kept == 0].min(initial=np.inf) + 1e-9


def test_typical_can_leave_the_likeliest_out() -> None:
    probs = np.array([0.4, *[0.06] * 10])
    assert typical(probs, 0.5)[0] == 0
    assert top_p(probs, 0.5)[0] > 0


def test_drawing_follows_the_probabilities() -> None:
    probs = np.array([0.1, 0.0, 0.6, 0.3])
    generator = np.random.default_rng(1)
    counts = np.bincount([draw(probs, generator) for _ in range(20_000)], minlength=4) / 20_000
    assert counts == pytest.approx(probs, abs=0.015)
    assert counts[1] == 0


@pytest.mark.parametrize("reach", [0.3, 1.0, 3.0])
def test_drawing_from_the_embedding_posterior_leaves_the_distribution_as_it_is(reach: float) -> None:
    generator = np.random.default_rng(4)
    table = generator.standard_normal((6, 3))
    probs = softmax(generator.standard_normal(6))
    drawn = [
        draw(softmax(embedding_logits(probs, draw(probs, generator), table, reach, generator)), generator)
        for _ in range(20_000)
    ]
    assert np.bincount(drawn, minlength=6) / len(drawn) == pytest.approx(probs, abs=0.015)


def test_a_short_walk_gives_the_drawn_class_back_and_a_long_one_the_likeliest() -> None:
    generator = np.random.default_rng(5)
    table = generator.standard_normal((6, 3))
    probs = softmax(np.array([0.0, 1.0, 5.0, 2.0, 0.5, 0.1]))
    assert all(np.argmax(embedding_logits(probs, k, table, 1e-4, generator)) == k for k in range(6))
    assert np.argmax(embedding_logits(probs, 0, table, 1e4, generator)) == 2


def test_neighbour_distance_is_the_median_step_to_the_nearest_row() -> None:
    table = np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0], [6.0, 0.0]])
    assert neighbour_distance(table) == pytest.approx(1.5)


def test_every_sampling_parameter_rises_with_randomness() -> None:
    grid = [parameters_for(r) for r in np.linspace(0, 1, 11)]
    for lower, higher in pairwise(grid):
        assert lower.temperature < higher.temperature
        assert lower.kept < higher.kept <= 1
        assert lower.tau < higher.tau


def test_a_genre_s_temperature_stands_at_the_middle_of_the_curve() -> None:
    assert parameters_for(0.5, 0.93).temperature == pytest.approx(0.93)
    assert parameters_for(0.5).temperature == pytest.approx(1)
