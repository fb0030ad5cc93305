"""Samples one of the allowed classes from their logits: temperature, nucleus, and optionally a step in embedding space.

``probability`` sampling draws from the distribution after temperature and top-p (Holtzman et al. 2020). ``embedding``
sampling draws likewise, adds Gaussian noise to the drawn class's row of the tied embedding table, and returns the class
with the largest posterior given that point: improbable draws move to probable neighbours.

Plain lists, because five classes are sampled a note and few are allowed. A reference in the tests states the same rules
in numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.request import Sampling

Table = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """``temperature`` > 0 divides logits; ``top_p`` in (0, 1]; ``tau`` ≥ 0 scales the noise in embedding space."""

    temperature: float
    top_p: float
    tau: float

    def scaled(self, factor: float) -> SamplingParameters:
        """The same with ``factor`` times the temperature."""
        return SamplingParameters(self.temperature * factor, self.top_p, self.tau)


def parameters_for(randomness: float, temperature: float = 1.0) -> SamplingParameters:
    """Sampling parameters of a ``randomness`` in [0, 1]; each rises with it.

    ``temperature``: the genre's calibrated temperature, which applies at randomness 0.5.
    """
    r = min(max(randomness, 0.0), 1.0)
    return SamplingParameters(temperature * (0.9 + 0.2 * r), 0.94 + 0.06 * r, 0.4 + 0.8 * r)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingSpace:
    """A field's tied embedding ``table`` (V, E), its rows' squared lengths (V,), and the unit of the noise."""

    table: Table
    squares: list[float]
    distance: float

    @classmethod
    def of(cls, table: Table) -> EmbeddingSpace:
        """The space of ``table`` (V, E)."""
        return cls(table, (table**2).sum(axis=1).tolist(), neighbour_distance(table))


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
    generator: np.random.Generator,
    space: EmbeddingSpace,
) -> int:
    """One of ``classes``, given their ``logits``. Raises ``ValueError`` if there are none."""
    if not classes:
        raise ValueError("at least one class is allowed, not 0")
    top: float = max(logits)
    inverse = 1.0 / parameters.temperature
    weights = [math.exp((logit - top) * inverse) for logit in logits]
    kept = _nucleus(weights, parameters.top_p)
    drawn = _draw(weights, kept, generator.random())
    scale = parameters.tau * space.distance
    if sampling == "probability" or scale == 0:
        return classes[drawn]
    noise: Vector = generator.standard_normal((space.table.shape[1],))
    if len(kept) == 1:
        return classes[drawn]
    return _nearest([(classes[i], weights[i]) for i in kept], classes[drawn], scale * noise, scale, space)


def _nucleus(weights: list[float], top_p: float) -> list[int]:
    """Indices of the largest weights that together reach ``top_p`` of the total, rising. The largest weight is 1."""
    if top_p >= 1:
        return [i for i, weight in enumerate(weights) if weight > 0]
    total: float = sum(weights, 0.0)
    wanted, reached = top_p * total, 0.0
    if wanted <= 1:  # the largest weight is enough
        return [weights.index(1.0)]
    # All weights below this sum to less than what may be left out, so none of them is needed.
    least = (total - wanted) / len(weights) * 0.999
    likely = [(-weight, i) for i, weight in enumerate(weights) if weight >= least]
    likely.sort()
    kept = []
    for weight, i in likely:
        if reached >= wanted:
            break
        kept.append(i)
        reached -= weight
    kept.sort()
    return kept


def _draw(weights: list[float], kept: list[int], uniform: float) -> int:
    """One index of ``kept`` in proportion to its weight, by a number in [0, 1)."""
    if len(kept) == 1:
        return kept[0]
    left: float = uniform * sum([weights[i] for i in kept], 0.0)
    for i in kept:
        left -= weights[i]
        if left < 0:
            return i
    return kept[-1]


def _nearest(likely: list[tuple[int, float]], drawn: int, step: Vector, scale: float, space: EmbeddingSpace) -> int:
    """The (class, weight) of ``likely`` with the largest posterior at the embedding of ``drawn`` plus ``step`` (E,).

    log p(class) − ‖z − e(class)‖² / (2 scale²), without ‖z‖², which all classes have in common.
    """
    table, squares = space.table, space.squares
    products = table.take([each for each, _ in likely], axis=0).dot(table[drawn] + step).tolist()
    factor = 0.5 / scale**2
    best, found = -math.inf, drawn
    for (each, weight), product in zip(likely, products, strict=True):
        score = math.log(weight) - (squares[each] - 2 * product) * factor
        if score > best:
            best, found = score, each
    return found
