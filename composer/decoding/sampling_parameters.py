"""From logits to a class: pure functions, one rule each. All float64, ``(V,)`` in and ``(V,)`` out.

Two spaces. ``probability`` draws from the output distribution after temperature and top-p. ``embedding`` draws there
too, walks away from the drawn class in the tied embedding space, and lands on the likeliest class near that point:
improbable draws slide to probable musical neighbours.

``composer.decoding.sampling`` does the same for the few allowed classes, quicker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Table = NDArray[np.float64]


Truncation = Literal["top_p", "min_p", "typical"]


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """``temperature`` > 0 divides logits; ``kept`` says how much the truncation keeps; ``tau`` ≥ 0 scales the walk.

    ``kept`` in (0, 1]: 1 keeps everything. For ``top_p`` and ``typical`` the share of probability that stays; for
    ``min_p`` 1 − the least probability, as a share of the likeliest class's.
    """

    temperature: float
    kept: float
    tau: float
    truncation: Truncation = "top_p"

    def times(self, ratio: float) -> SamplingParameters:
        """The same at ``ratio`` times the temperature."""
        return replace(self, temperature=self.temperature * ratio)


RETURNING = (1.05, 0.95, 0.75, 0.4)
"""Times the temperature in a new, a varied, a nearly same and a same bar: what returns is played with more care."""


def parameters_for(randomness: float, temperature: float = 1.0) -> SamplingParameters:
    """The one place where randomness (0 careful … 1 wild) becomes sampling parameters; each rises with it.

    ``temperature``: the genre's own, at which (and at 0.5) its songs are nearest to real pieces of it.
    """
    r = min(max(randomness, 0.0), 1.0)
    return SamplingParameters(temperature=temperature * (0.9 + 0.2 * r), kept=0.94 + 0.06 * r, tau=0.4 + 0.8 * r)


def softmax(logits: Vector, temperature: float = 1.0) -> Vector:
    """Probabilities at a temperature; −∞ becomes exactly 0."""
    scaled = (logits - logits.max()) / temperature
    weights = np.exp(scaled)
    probs: Vector = weights / weights.sum()
    return probs


def top_p(probs: Vector, share: float) -> Vector:
    """Only the likeliest classes that together reach ``share``, renormalised (Holtzman et al. 2020)."""
    if share >= 1:
        return probs
    order = np.argsort(-probs, kind="stable")
    before = np.cumsum(probs[order]) - probs[order]
    kept = np.zeros_like(probs)
    chosen = order[before < share]
    kept[chosen] = probs[chosen]
    result: Vector = kept / kept.sum()
    return result


def min_p(probs: Vector, share: float) -> Vector:
    """Only classes at least (1 − ``share``) times as likely as the likeliest, renormalised (Nguyen et al. 2024)."""
    kept = np.where(probs >= (1 - share) * probs.max(), probs, 0.0)
    result: Vector = kept / kept.sum()
    return result


def typical(probs: Vector, share: float) -> Vector:
    """The classes whose surprise is nearest to the entropy, until they reach ``share`` (Meister et al. 2023)."""
    if share >= 1:
        return probs
    with np.errstate(divide="ignore"):
        surprise = -np.log(probs)
    own = probs > 0
    entropy = float((probs[own] * surprise[own]).sum())
    order = np.argsort(np.abs(surprise - entropy), kind="stable")
    before = np.cumsum(probs[order]) - probs[order]
    kept = np.zeros_like(probs)
    chosen = order[before < share]
    kept[chosen] = probs[chosen]
    result: Vector = kept / kept.sum()
    return result


TRUNCATIONS: dict[Truncation, Callable[[Vector, float], Vector]] = {
    "top_p": top_p, "min_p": min_p, "typical": typical,
}  # fmt: skip


def entropy(probs: Vector) -> float:
    """In nats."""
    own = probs[probs > 0]
    return float(-(own * np.log(own)).sum())


def draw(probs: Vector, generator: np.random.Generator) -> int:
    """A class drawn by one uniform number (inverse distribution function)."""
    edges = np.cumsum(probs)
    found = int(np.searchsorted(edges, generator.random() * edges[-1], side="right"))
    # A uniform at the very top must not land past the last class that has any probability.
    return min(found, int(np.flatnonzero(probs)[-1]))


def neighbour_distance(table: Table) -> float:
    """Median distance of a row of ``table`` (V, E) to its nearest other row: the step size of the embedding walk."""
    squares = (table**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * table @ table.T
    np.fill_diagonal(distances, np.inf)
    return float(np.median(np.sqrt(np.maximum(distances.min(axis=1), 0))))


def embedding_logits(probs: Vector, drawn: int, table: Table, reach: float, generator: np.random.Generator) -> Vector:
    """Log-weights over classes after a walk of scale ``reach`` from ``drawn``: log p(k) − ‖z − e(k)‖² / (2 reach²).

    Drawing from their softmax leaves ``probs`` exactly as it is (z is a noisy observation of the class, this is its
    posterior); their largest is the useful choice. ``reach`` → 0 gives ``drawn`` back.
    """
    z = table[drawn] + reach * generator.standard_normal(table.shape[1])
    with np.errstate(divide="ignore"):
        prior = np.log(probs)
    result: Vector = prior - ((z - table) ** 2).sum(axis=1) / (2 * reach**2)
    return result
