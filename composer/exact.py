"""Exponentials, logarithms and random numbers with the same bits on every machine and with every version of numpy.

The last bit of a math library's ``exp`` and ``log`` differs between machines. Here they are read from tables whose
entries are rounded so far from that last bit that every library gives the same table (a test proves it).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

EXP_STEPS = 256
"""Entries of ``exp``'s table per unit: a weight is off by at most 0.2 %."""
EXP_BITS = 30
EXP_LIMIT = 21 * EXP_STEPS
"""Entries; beyond, weights are 0."""
LOG_STEPS = 4096
"""Entries of ``log``'s table for the numbers from 0 to 1: it is off by at most 0.00025."""
LOG_BITS = 30
AHEAD = 64
"""Random numbers fetched at a time."""


def exp_table() -> list[int]:
    """(``EXP_LIMIT``,) exp(−i / ``EXP_STEPS``) · 2^``EXP_BITS`` as integers."""
    return [round(math.exp(-i / EXP_STEPS) * (1 << EXP_BITS)) for i in range(EXP_LIMIT)]


def log_table() -> list[int]:
    """(``LOG_STEPS`` / 2 + 1,) log(i / ``LOG_STEPS``) · 2^``LOG_BITS`` as integers, from i = ``LOG_STEPS`` / 2 on."""
    return [round(math.log(i / LOG_STEPS) * (1 << LOG_BITS)) for i in range(LOG_STEPS // 2, LOG_STEPS + 1)]


_EXP = [*exp_table(), 0]
_RISING = [-entry for entry in _EXP[:-1]]
_LOG = [entry / (1 << LOG_BITS) for entry in log_table()]
_LOG_OF_2 = -_LOG[0]


@cache
def _steps_of(share: float) -> float:
    """Steps of ``exp``'s table up to the last entry that is not less than ``share``."""
    return bisect_right(_RISING, -share * (1 << EXP_BITS)) - 0.5


def softmax_weights(logits: Sequence[float], inverse_temperature: float = 1.0, min_p: float = 0.0) -> list[int]:
    """Integers in proportion to exp(logit · ``inverse_temperature``); the largest is 2^``EXP_BITS``.

    Those less than ``min_p`` times the largest are 0.
    """
    top, scale, table = max(logits), inverse_temperature * EXP_STEPS, _EXP
    lowest = top - _steps_of(min_p) / scale
    return [table[int((top - logit) * scale + 0.5)] if logit > lowest else 0 for logit in logits]


def log(value: float) -> float:
    """The natural logarithm of a positive number."""
    mantissa, exponent = math.frexp(value)
    return _LOG[int(mantissa * LOG_STEPS + 0.5) - LOG_STEPS // 2] + exponent * _LOG_OF_2


def log_sum(logits: Sequence[float]) -> float:
    """The logarithm of the sum of exp(logit)."""
    return max(logits) + log(sum(softmax_weights(logits)) / (1 << EXP_BITS))


class RandomStream:
    """Random numbers of a seed, from the raw stream of PCG64, which every version of numpy keeps."""

    def __init__(self, *seed: int) -> None:
        self._bits = np.random.PCG64(list(seed))
        self._ahead: list[
            int
        ] = []  # numbers fetched ahead, the next one last: a call for each costs four times as much

    def below(self, limit: int) -> int:
        """An integer in [0, ``limit``), ``limit`` < 2⁶⁴."""
        if not self._ahead:
            self._ahead = self._bits.random_raw(AHEAD)[::-1].tolist()
        return self._ahead.pop() * limit >> 64

    def random(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        """Uniform numbers in [0, 1), multiples of 2⁻⁵³."""
        uniform: NDArray[np.float64] = (self._raw(math.prod(size)).reshape(size) >> np.uint64(11)) * np.float64(
            2.0**-53
        )
        return uniform

    def standard_normal(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        """Numbers of mean 0 and variance 1, each the sum of twelve uniform ones; multiples of 2⁻¹⁶."""
        twelve = self._raw(3 * math.prod(size)).astype("<u8").view("<u2").reshape(*size, 12)
        normal: NDArray[np.float64] = (twelve.sum(axis=-1, dtype=np.int64) - 6 * 0xFFFF) / (1 << 16)
        return normal

    def _raw(self, count: int) -> NDArray[np.uint64]:
        """The next ``count`` numbers of the stream."""
        taken = np.array(self._ahead[: -count - 1 : -1], dtype=np.uint64)
        del self._ahead[len(self._ahead) - len(taken) :]
        return np.concatenate([taken, self._bits.random_raw(count - len(taken))])


RandomNumbers = RandomStream | np.random.Generator
"""numpy's generator is for training and tests: its numbers may change with its version."""


def draw_index(shares: NDArray[np.float64], generator: RandomNumbers) -> int:
    """Index drawn by ``shares`` (N,), which need not sum to 1; 0 where all are 0."""
    total = np.cumsum(shares)
    at = int(np.searchsorted(total, generator.random(()) * total[-1], side="right"))
    return at if at < len(shares) else 0
