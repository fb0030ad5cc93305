"""Choosing from the few allowed classes is what the pure rules of sampling say, class for class and draw for draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.decoding.sampling import EmbeddingSpace, choose
from composer.decoding.sampling_parameters import (
    TRUNCATIONS,
    SamplingParameters,
    draw,
    embedding_logits,
    parameters_for,
    softmax,
)

CLASSES, WIDTH = 60, 8
SPACE = EmbeddingSpace.of(np.random.default_rng(1).standard_normal((CLASSES, WIDTH)))
logits_of = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).standard_normal(CLASSES))
allowed_of = st.sets(st.integers(0, CLASSES - 1), min_size=1).map(sorted)
rules = st.builds(
    SamplingParameters,
    temperature=st.floats(0.3, 2),
    kept=st.sampled_from([0.3, 0.9, 0.97, 1.0]),
    tau=st.sampled_from([0.0, 0.4, 1.2]),
    truncation=st.sampled_from(sorted(TRUNCATIONS)),
)


def by_the_rules(
    logits: np.ndarray, allowed: list[int], how: SamplingParameters, space: str, generator: np.random.Generator
) -> int:
    masked = np.full(CLASSES, -np.inf)
    masked[allowed] = logits[allowed]
    probs = TRUNCATIONS[how.truncation](softmax(masked, how.temperature), how.kept)
    drawn = draw(probs, generator)
    reach = how.tau * SPACE.distance
    if space == "probability" or reach == 0:
        return drawn
    return int(np.argmax(embedding_logits(probs, drawn, SPACE.table, reach, generator)))


@given(logits_of, allowed_of, rules, st.sampled_from(["probability", "embedding"]), st.floats(0.2, 8))
def test_it_is_what_the_rules_say_and_leaves_the_generator_where_they_leave_it(
    logits: np.ndarray, allowed: list[int], how: SamplingParameters, space: str, peaked: float
) -> None:
    logits = peaked * logits
    mine, theirs = np.random.default_rng(2), np.random.default_rng(2)
    for _ in range(5):
        chosen = choose([float(logits[each]) for each in allowed], allowed, how, space, mine, SPACE)
        assert chosen == by_the_rules(logits, allowed, how, space, theirs)
    assert mine.random() == theirs.random()


@pytest.mark.parametrize("space", ["probability", "embedding"])
def test_only_allowed_classes_are_chosen_and_none_is_an_error(space: str) -> None:
    generator = np.random.default_rng(3)
    drawn = {choose([0.0, 1.0, 0.5], [2, 30, 59], parameters_for(1.0), space, generator, SPACE) for _ in range(300)}
    assert drawn == {2, 30, 59}
    assert choose([-800.0], [7], parameters_for(0.5), space, generator, SPACE) == 7
    with pytest.raises(ValueError, match="at least one"):
        choose([], [], parameters_for(0.5), space, generator, SPACE)
