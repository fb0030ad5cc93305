"""Tables of exp and log are the same with every math library; draws from a stream are uniform and repeatable."""

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest

from composer.exact import (
    EXP_BITS,
    EXP_LIMIT,
    EXP_STEPS,
    LOG_BITS,
    LOG_STEPS,
    RandomStream,
    draw_index,
    exp_table,
    log,
    log_sum,
    log_table,
    softmax_weights,
)

LIBRARY_ERROR = Decimal(2) ** -50
"""Relative error that a math library may have: four times the unit in the last place."""


def assert_no_library_differs(values: list[Decimal], table: list[int]) -> None:
    """Each exact value lies further from a half integer than the error of a library."""
    for value, entry in zip(values, table, strict=True):
        assert round(value) == entry
        assert abs(abs(value - entry) - Decimal("0.5")) > abs(value) * LIBRARY_ERROR


def test_every_math_library_gives_the_same_tables() -> None:
    getcontext().prec = 40
    exps = [(Decimal(-i) / EXP_STEPS).exp() * (1 << EXP_BITS) for i in range(EXP_LIMIT)]
    assert_no_library_differs(exps, exp_table())
    logs = [(Decimal(i) / LOG_STEPS).ln() * (1 << LOG_BITS) for i in range(LOG_STEPS // 2, LOG_STEPS + 1)]
    assert_no_library_differs(logs, log_table())


def test_weights_are_in_proportion_to_exp() -> None:
    logits = np.random.default_rng(1).normal(0, 3, 50).tolist()
    weights = softmax_weights(logits, 1.25)
    assert max(weights) == 1 << EXP_BITS
    shares, wanted = np.array(weights) / sum(weights), np.exp(1.25 * np.array(logits))
    assert shares == pytest.approx(wanted / wanted.sum(), rel=0.005, abs=1e-7)
    assert softmax_weights([0.0, -1000.0])[1] == 0


@pytest.mark.parametrize("min_p", [0.0, 0.05, 0.3, 1.0])
def test_weights_below_a_share_of_the_largest_are_0(min_p: float) -> None:
    logits = np.random.default_rng(2).normal(0, 4, 50).tolist()
    every = softmax_weights(logits)
    assert softmax_weights(logits, min_p=min_p) == [each if each >= min_p * max(every) else 0 for each in every]


@pytest.mark.parametrize("value", [1e-9, 0.3, 0.5, 0.99999, 1.0, 2.0, 7.7, 1e12])
def test_log_is_close_and_exact_for_powers_of_two(value: float) -> None:
    assert log(value) == pytest.approx(math.log(value), abs=0.0003)
    assert log(1.0) == 0
    assert log(8.0) == 3 * log(2.0)


def test_log_sum_is_the_log_of_the_sum() -> None:
    assert log_sum([1.0, 2.0, -5.0]) == pytest.approx(math.log(math.exp(1) + math.exp(2) + math.exp(-5)), abs=0.003)


def test_a_stream_is_that_of_its_seed() -> None:
    one, same, other = RandomStream(7), RandomStream(7), RandomStream(7, 1)
    first = [one.below(1 << 40) for _ in range(5)]
    assert first == [same.below(1 << 40) for _ in range(5)] != [other.below(1 << 40) for _ in range(5)]
    # The raw stream of PCG64 for this seed, which numpy keeps.
    assert RandomStream(7).below(1 << 63) == 5765488047046174021


def test_numbers_below_a_limit_are_uniform_and_normal_ones_normal() -> None:
    stream = RandomStream(3)
    counts = np.bincount([stream.below(10) for _ in range(5000)], minlength=10)
    assert counts.min() > 400
    normal = stream.standard_normal((20_000,))
    assert (normal.mean(), normal.std()) == (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.02))
    assert (np.abs(normal) > 2).mean() == pytest.approx(0.0455, abs=0.006)


def test_uniform_numbers_are_those_of_numpy_today() -> None:
    stream, generator = RandomStream(5, 1), np.random.Generator(np.random.PCG64([5, 1]))
    assert stream.random((3, 2)).tolist() == generator.random((3, 2)).tolist()
    assert float(stream.random(())) == generator.random()
    assert RandomStream(7).random((2,)).tolist() == [0.625095466604667, 0.8972138009695755]
    assert RandomStream(7).standard_normal((2, 1)).shape == (2, 1)


def test_an_index_is_drawn_by_its_share() -> None:
    stream, shares = RandomStream(2), np.array([0.0, 3.0, 1.0, 0.0])
    counts = np.bincount([draw_index(shares, stream) for _ in range(4000)], minlength=4)
    assert counts[0] == counts[3] == 0
    assert counts[1] / 4000 == pytest.approx(0.75, abs=0.03)
    assert draw_index(np.zeros(3), stream) == 0


@pytest.mark.parametrize("counts", [[1, 3, 0, 1], [1, 200, 1, 62, 63, 64, 65], [5, 1, 0, 1]])
def test_single_numbers_and_arrays_are_of_one_stream(counts: list[int]) -> None:
    raw, stream, read = np.random.PCG64([9]).random_raw(1000), RandomStream(9), 0
    for count in counts:
        assert stream.below(1 << 63) == int(raw[read]) >> 1
        wanted = (raw[read + 1 : read + 1 + count] >> np.uint64(11)) * 2.0**-53
        assert stream.random((count,)).tolist() == wanted.tolist()
        read += 1 + count
