"""Sampling from the allowed classes follows the reference, class for class and draw for draw."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.decoding.sampling import (
    EmbeddingSpace,
    SamplingParameters,
    neighbour_distance,
    parameters_for,
    sample,
)
from tests.composer.decoding.reference_sampling import draw, embedding_logits, softmax, top_p

CLASSES, WIDTH = 60, 8
SPACE = EmbeddingSpace.of(np.random.default_rng(1).standard_normal((CLASSES, WIDTH)))
logits_of = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).standard_normal(CLASSES))
allowed_of = st.sets(st.integers(0, CLASSES - 1), min_size=1).map(sorted)
parameters_of = st.builds(
    SamplingParameters,
    temperature=st.floats(0.3, 2),
    top_p=st.sampled_from([0.3, 0.9, 0.97, 1.0]),
    tau=st.sampled_from([0.0, 0.4, 1.2]),
)


def by_reference(
    logits: np.ndarray,
    allowed: list[int],
    parameters: SamplingParameters,
    sampling: str,
    generator: np.random.Generator,
) -> int:
    masked = np.full(CLASSES, -np.inf)
    masked[allowed] = logits[allowed]
    probs = top_p(softmax(masked, parameters.temperature), parameters.top_p)
    drawn = draw(probs, generator)
    scale = parameters.tau * SPACE.distance
    if sampling == "probability" or scale == 0:
        return drawn
    return int(np.argmax(embedding_logits(probs, drawn, SPACE.table, scale, generator)))


@given(logits_of, allowed_of, parameters_of, st.sampled_from(["probability", "embedding"]), st.floats(0.2, 8))
def test_it_equals_the_reference_and_uses_as_many_random_numbers(
    logits: np.ndarray, allowed: list[int], parameters: SamplingParameters, sampling: str, peaked: float
) -> None:
    logits = peaked * logits
    mine, theirs = np.random.default_rng(2), np.random.default_rng(2)
    for _ in range(5):
        chosen = sample([float(logits[each]) for each in allowed], allowed, parameters, sampling, mine, SPACE)
        assert chosen == by_reference(logits, allowed, parameters, sampling, theirs)
    assert mine.random() == theirs.random()


@pytest.mark.parametrize("sampling", ["probability", "embedding"])
def test_only_allowed_classes_are_sampled_and_none_is_an_error(sampling: str) -> None:
    generator = np.random.default_rng(3)
    drawn = {sample([0.0, 1.0, 0.5], [2, 30, 59], parameters_for(1.0), sampling, generator, SPACE) for _ in range(300)}
    assert drawn == {2, 30, 59}
    assert sample([-800.0], [7], parameters_for(0.5), sampling, generator, SPACE) == 7
    with pytest.raises(ValueError, match="at least one"):
        sample([], [], parameters_for(0.5), sampling, generator, SPACE)


@given(logits_of, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_the_share(logits: np.ndarray, share: float) -> None:
    probs = softmax(logits)
    kept = top_p(probs, share)
    assert kept.sum() == pytest.approx(1)
    inside = probs[kept > 0]
    assert inside.sum() >= share - 1e-9
    assert inside.sum() - inside.min() < share + 1e-9
    assert probs[kept == 0].max(initial=0) <= inside.min()


def test_samples_follow_the_probabilities() -> None:
    probs = np.array([0.1, 0.6, 0.3])
    parameters, generator = SamplingParameters(1.0, 1.0, 0.0), np.random.default_rng(1)
    logits = np.log(probs).tolist()
    counts = np.bincount(
        [sample(logits, [0, 1, 2], parameters, "probability", generator, SPACE) for _ in range(20_000)]
    )
    assert counts / counts.sum() == pytest.approx(probs, abs=0.015)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_drawing_from_the_embedding_posterior_keeps_the_distribution(scale: float) -> None:
    generator = np.random.default_rng(4)
    table = generator.standard_normal((6, 3))
    probs = softmax(generator.standard_normal(6))
    drawn = [
        draw(softmax(embedding_logits(probs, draw(probs, generator), table, scale, generator)), generator)
        for _ in range(20_000)
    ]
    assert np.bincount(drawn, minlength=6) / len(drawn) == pytest.approx(probs, abs=0.015)


def test_little_noise_returns_the_drawn_class_and_much_noise_the_likeliest() -> None:
    logits, classes = [0.0, 1.0, 5.0, 2.0, 0.5, 0.1], list(range(6))
    for tau, expected in ((1e-6, set()), (1e6, {2})):
        parameters, mine, plain = SamplingParameters(4.0, 1.0, tau), np.random.default_rng(5), np.random.default_rng(5)
        for _ in range(50):
            found = sample(logits, classes, parameters, "embedding", mine, SPACE)
            drawn = sample(logits, classes, parameters, "probability", plain, SPACE)
            plain.standard_normal(WIDTH)
            assert found in (expected or {drawn})


def test_neighbour_distance_is_the_median_distance_to_the_nearest_row() -> None:
    table = np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0], [6.0, 0.0]])
    assert neighbour_distance(table) == pytest.approx(1.5)


def test_every_sampling_parameter_rises_with_randomness() -> None:
    grid = [parameters_for(r) for r in np.linspace(0, 1, 11)]
    for lower, higher in pairwise(grid):
        assert lower.temperature < higher.temperature
        assert lower.top_p < higher.top_p <= 1
        assert lower.tau < higher.tau


def test_the_genre_temperature_applies_at_randomness_one_half() -> None:
    assert parameters_for(0.5, 0.93).temperature == pytest.approx(0.93)
    assert parameters_for(0.5).temperature == pytest.approx(1)
