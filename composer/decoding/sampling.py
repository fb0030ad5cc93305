"""One class out of the few that are allowed, drawn as ``composer.decoding.sampling_parameters`` says.

A note asks five times, so this is written for speed; what it does is told, and held in place by tests, by the pure
functions of ``composer.decoding.sampling_parameters``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from composer.decoding.sampling_parameters import TRUNCATIONS, SamplingParameters, Table, Vector, neighbour_distance
from composer.request import Sampling


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingSpace:
    """A field's tied embedding ``table`` (V, E), its rows' squared lengths, and the step size of a walk in it."""

    table: Table
    squares: list[float]
    distance: float

    @classmethod
    def of(cls, table: Table) -> EmbeddingSpace:
        """The space that ``table`` spans."""
        return cls(table, (table**2).sum(axis=1).tolist(), neighbour_distance(table))


def choose(
    logits: list[float],
    classes: list[int],
    how: SamplingParameters,
    sampling: Sampling,
    generator: np.random.Generator,
    embedding_space: EmbeddingSpace,
) -> int:
    """One of ``classes``, whose ``logits`` are as many, in the space asked for. Raises ``ValueError`` for none."""
    if not classes:
        raise ValueError("at least one class is allowed")
    top: float = max(logits)
    cooling = 1.0 / how.temperature
    weights = [math.exp((logit - top) * cooling) for logit in logits]
    kept = _nucleus(weights, how.kept) if how.truncation == "top_p" else _truncated(weights, how)
    drawn = _draw(weights, kept, generator.random())
    reach = how.tau * embedding_space.distance
    if sampling == "probability" or reach == 0:
        return classes[drawn]
    noise: Vector = generator.standard_normal((embedding_space.table.shape[1],))
    if len(kept) == 1:
        return classes[drawn]
    return _landed([(classes[i], weights[i]) for i in kept], classes[drawn], reach * noise, reach, embedding_space)


def _nucleus(weights: list[float], share: float) -> list[int]:
    """Places of the likeliest weights that together reach ``share`` of all, rising (``sampling.top_p``)."""
    if share >= 1:
        return [i for i, weight in enumerate(weights) if weight > 0]
    total: float = sum(weights, 0.0)
    wanted, reached = share * total, 0.0
    if wanted <= 1:  # the likeliest, whose weight is 1, is enough
        return [weights.index(1.0)]
    # All weights below this together are less than what may be left out: none of them is needed.
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


def _truncated(weights: list[float], how: SamplingParameters) -> list[int]:
    """Places that another truncation keeps."""
    probs = np.array(weights)
    kept: list[int] = np.flatnonzero(TRUNCATIONS[how.truncation](probs / probs.sum(), how.kept)).tolist()
    return kept


def _draw(weights: list[float], kept: list[int], uniform: float) -> int:
    """One place of ``kept`` by a number in [0, 1) (``sampling.draw``)."""
    if len(kept) == 1:
        return kept[0]
    left: float = uniform * sum([weights[i] for i in kept], 0.0)
    for i in kept:
        left -= weights[i]
        if left < 0:
            return i
    return kept[-1]


def _landed(
    likely: list[tuple[int, float]], drawn: int, step: Vector, reach: float, embedding_space: EmbeddingSpace
) -> int:
    """The class whose posterior is largest after a ``step`` from ``drawn`` (``sampling.embedding_logits``)."""
    table, squares = embedding_space.table, embedding_space.squares
    # ‖z − e‖² without ‖z‖², which all have in common.
    near = table.take([each for each, _ in likely], axis=0).dot(table[drawn] + step).tolist()
    scale = 0.5 / reach**2
    best, found = -math.inf, drawn
    for (each, weight), product in zip(likely, near, strict=True):
        score = math.log(weight) - (squares[each] - 2 * product) * scale
        if score > best:
            best, found = score, each
    return found
