"""Sampling from the allowed classes follows the reference, class for class and draw for draw."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.decoding.sampling import (
    TABLE_BITS,
    EmbeddingSpace,
    SamplingParameters,
    neighbour_distance,
    parameters_for,
    sample,
)
from composer.exact import RandomStream, softmax_weights
from tests.composer.decoding.reference_sampling import draw, embedding_logits, softmax

CLASSES, WIDTH = 60, 8
SPACE = EmbeddingSpace.of(np.random.default_rng(1).standard_normal((CLASSES, WIDTH)))
logits_of = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).standard_normal(CLASSES))
allowed_of = st.sets(st.integers(0, CLASSES - 1), min_size=1).map(sorted)
parameters_of = st.builds(
    SamplingParameters,
    temperature=st.floats(0.3, 2),
    min_p=st.sampled_from([0.0, 0.02, 0.1, 0.5]),
    tau=st.sampled_from([0.0, 0.4, 1.2]),
)


def by_reference(
    logits: np.ndarray, allowed: list[int], parameters: SamplingParameters, sampling: str, stream: RandomStream
) -> int:
    """The same rules with arrays over the allowed classes."""
    if len(allowed) == 1:
        return allowed[0]
    classes = np.array(allowed)
    weights = np.array(softmax_weights(logits[classes].tolist(), 1.0 / parameters.temperature))
    weights = np.where(weights >= parameters.min_p * weights.max(), weights, 0)
    drawn = int(classes[np.searchsorted(weights.cumsum(), stream.below(int(weights.sum())), side="right")])
    scale = parameters.tau * SPACE.distance
    kept = classes[weights > 0]
    if sampling == "probability" or scale == 0 or len(kept) == 1:
        return drawn
    noise = np.rint(scale * stream.standard_normal((WIDTH,)) * 2**TABLE_BITS) / 2**TABLE_BITS
    distances = ((SPACE.table[drawn] + noise - SPACE.table[kept]) ** 2).sum(axis=1)
    return int(kept[np.argmax(logits[kept] / parameters.temperature - distances / (2 * scale**2))])


@given(logits_of, allowed_of, parameters_of, st.sampled_from(["probability", "embedding"]), st.floats(0.2, 8))
def test_it_equals_the_reference_and_uses_as_many_random_numbers(
    logits: np.ndarray, allowed: list[int], parameters: SamplingParameters, sampling: str, peaked: float
) -> None:
    logits = peaked * logits
    mine, theirs = RandomStream(2), RandomStream(2)
    for _ in range(5):
        chosen = sample([float(logits[each]) for each in allowed], allowed, parameters, sampling, mine, SPACE)
        assert chosen == by_reference(logits, allowed, parameters, sampling, theirs)
    assert mine.below(1 << 60) == theirs.below(1 << 60)


@pytest.mark.parametrize("sampling", ["probability", "embedding"])
def test_only_allowed_classes_are_sampled_and_none_is_an_error(sampling: str) -> None:
    generator = RandomStream(3)
    drawn = {sample([0.0, 1.0, 0.5], [2, 30, 59], parameters_for(1.0), sampling, generator, SPACE) for _ in range(300)}
    assert drawn == {2, 30, 59}
    assert sample([-800.0], [7], parameters_for(0.5), sampling, generator, SPACE) == 7
    with pytest.raises(ValueError, match="at least one"):
        sample([], [], parameters_for(0.5), sampling, generator, SPACE)


def test_samples_follow_the_probabilities() -> None:
    probs = np.array([0.1, 0.6, 0.3])
    parameters, generator = SamplingParameters(1.0, 0.0, 0.0), RandomStream(1)
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
        parameters, mine, plain = SamplingParameters(4.0, 0.0, tau), RandomStream(5), RandomStream(5)
        for _ in range(50):
            found = sample(logits, classes, parameters, "embedding", mine, SPACE)
            drawn = sample(logits, classes, parameters, "probability", plain, SPACE)
            plain.standard_normal((WIDTH,))
            assert found in (expected or {drawn})


def test_neighbour_distance_is_the_median_distance_to_the_nearest_row() -> None:
    table = np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0], [6.0, 0.0]])
    assert neighbour_distance(table) == pytest.approx(1.5)


def test_higher_randomness_is_hotter_and_leaves_out_less() -> None:
    grid = [parameters_for(r) for r in np.linspace(0, 1, 11)]
    for lower, higher in pairwise(grid):
        assert lower.temperature < higher.temperature
        assert lower.min_p > higher.min_p >= 0
        assert lower.tau < higher.tau


def test_the_genre_temperature_applies_at_randomness_one_half() -> None:
    assert parameters_for(0.5, 0.93).temperature == pytest.approx(0.93)
    assert parameters_for(0.5).temperature == pytest.approx(1)
