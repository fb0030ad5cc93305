"""Samples one of the allowed classes from their logits: temperature, min-p, and optionally a step in embedding space.

``probability`` sampling draws from the distribution after temperature and min-p (Nguyen et al. 2024), which leaves out
classes far less probable than the likeliest: hundreds of notes of a part draw from the tail often, and each odd note
makes the next one likelier. ``embedding`` sampling draws likewise, adds Gaussian noise to the drawn class's row of the
tied embedding table, and returns the class with the largest posterior given that point: improbable draws move to
probable neighbours.

Plain lists, because five classes are sampled a note and few are allowed. All arithmetic is exact (``composer.exact``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.decoding.parameters import MIN_P, TAU, TEMPERATURE
from composer.exact import RandomStream, softmax_weights
from composer.request import Sampling

Table = NDArray[np.float64]

TABLE_BITS = 12
"""Embeddings and noise are multiples of 2⁻¹²; their products are summed exactly in float64."""


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """``temperature`` > 0 divides logits; ``min_p`` in [0, 1]; ``tau`` ≥ 0 scales the noise in embedding space."""

    temperature: float
    min_p: float
    tau: float


def parameters_for(randomness: float, temperature: float = 1.0) -> SamplingParameters:
    """Sampling parameters of a ``randomness`` in [0, 1]; with it temperature and tau rise and min-p falls.

    ``temperature``: the genre's calibrated temperature, which applies at randomness 0.5.
    """
    r = min(max(randomness, 0.0), 1.0)
    warm, tau = (low + (high - low) * r for low, high in (TEMPERATURE, TAU))
    return SamplingParameters(temperature * warm, MIN_P * (1 - r), tau)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingSpace:
    """A field's tied embedding ``table`` (V, E), its rows' squared lengths (V,), and the unit of the noise."""

    table: Table
    squares: list[float]
    distance: float

    @classmethod
    def of(cls, table: NDArray[Any]) -> EmbeddingSpace:
        """The space of ``table`` (V, E)."""
        rounded = _rounded(table.astype(np.float64))
        return cls(rounded, (rounded**2).sum(axis=1).tolist(), neighbour_distance(rounded))


def neighbour_distance(table: Table) -> float:
    """Median over the rows of ``table`` (V, E) of the distance to the nearest other row."""
    squares = (table**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * table @ table.T
    np.fill_diagonal(distances, np.inf)
    return float(np.median(np.sqrt(np.maximum(distances.min(axis=1), 0))))


def sample(
    logits: list[float],
    classes: list[int],
    parameters: SamplingParameters,
    sampling: Sampling,
    stream: RandomStream,
    space: EmbeddingSpace,
) -> int:
    """One of ``classes``, given their ``logits``. Raises ``ValueError`` if there are none."""
    if len(classes) < 2:
        if not classes:
            raise ValueError("at least one class is allowed, not 0")
        return classes[0]
    weights = softmax_weights(logits, 1.0 / parameters.temperature, parameters.min_p)
    drawn, scale = draw(weights, stream), parameters.tau * space.distance
    if sampling == "probability" or scale == 0 or weights[drawn] == sum(weights):
        return classes[drawn]
    scores = {each: logits[n] / parameters.temperature for n, each in enumerate(classes) if weights[n]}
    return _nearest(scores, classes[drawn], scale, stream, space)


def draw(weights: list[int], stream: RandomStream) -> int:
    """An index in proportion to its weight."""
    total = list(accumulate(weights))
    return bisect_right(total, stream.below(total[-1]))


def _nearest(scores: Mapping[int, float], drawn: int, scale: float, stream: RandomStream, space: EmbeddingSpace) -> int:
    """The class of ``scores`` (log p) with the largest posterior at the embedding of ``drawn`` plus noise: z (E,).

    log p(class) − ‖z − e(class)‖² / (2 scale²), without ‖z‖², which all classes have in common.
    """
    point = space.table[drawn] + _rounded(scale * stream.standard_normal(space.table.shape[1:]))
    products = space.table.take(list(scores), axis=0).dot(point).tolist()
    factor = 0.5 / scale**2
    posterior = {
        each: score - (space.squares[each] - 2 * product) * factor
        for (each, score), product in zip(scores.items(), products, strict=True)
    }
    return max(posterior, key=posterior.__getitem__)


def _rounded(values: Table) -> Table:
    """``values`` as multiples of 2^−``TABLE_BITS``."""
    return np.rint(values * (1 << TABLE_BITS)) / (1 << TABLE_BITS)
