"""The rules of sampling as plain functions over whole distributions, (V,) float64 each."""

import numpy as np

Vector = np.ndarray


def softmax(logits: Vector, temperature: float = 1.0) -> Vector:
    """Probabilities at a temperature; −∞ becomes exactly 0."""
    weights = np.exp((logits - logits.max()) / temperature)
    return weights / weights.sum()


def draw(probs: Vector, generator: np.random.Generator) -> int:
    """A class by one uniform number (inverse distribution function)."""
    edges = np.cumsum(probs)
    found = int(np.searchsorted(edges, generator.random() * edges[-1], side="right"))
    return min(found, int(np.flatnonzero(probs)[-1]))


def embedding_logits(probs: Vector, drawn: int, table: Vector, scale: float, generator: np.random.Generator) -> Vector:
    """Log-posterior of each class at a noisy observation z of ``drawn``: log p(k) − ‖z − e(k)‖² / (2 scale²).

    Drawing from their softmax leaves ``probs`` as it is.
    """
    z = table[drawn] + scale * generator.standard_normal(table.shape[1])
    with np.errstate(divide="ignore"):
        return np.log(probs) - ((z - table) ** 2).sum(axis=1) / (2 * scale**2)
