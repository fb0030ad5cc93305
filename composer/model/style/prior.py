"""A conditional prior over latent vectors: each number in turn from a mixture of Gaussians (MADE, Germain et al. 2015).

    p(z | c) = Π_k Σ_m w_m(z_<k, c) · N(z_k; μ_m(z_<k, c), σ_m(z_<k, c))

Shape letters: N vectors, K latent width, C context, H hidden, M components.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from composer.model.style.config import COMPONENTS

Floats = NDArray[np.float64]

LOG_STD_LIMITS = (-5.0, 2.0)
"""Of a component."""


def degrees(hidden: int, width: int) -> NDArray[np.int64]:
    """(H,) how many numbers of z each hidden unit depends on: half of the units depend on the context alone."""
    rest = 1 + np.arange(hidden - hidden // 2) % (width - 1)
    return np.concatenate([np.zeros(hidden // 2, dtype=np.int64), rest])


def input_mask(hidden: int, width: int, context: int) -> NDArray[np.bool_]:
    """(H, K + C) weights of the first layer that are used."""
    own = np.arange(width) < degrees(hidden, width)[:, None]
    return np.hstack([own, np.ones((hidden, context), dtype=np.bool_)])


def output_mask(hidden: int, width: int) -> NDArray[np.bool_]:
    """(K · 3 · M, H) weights of the second layer that are used."""
    own = degrees(hidden, width) <= np.arange(width)[:, None]
    return np.repeat(own, 3 * COMPONENTS, axis=0)


def sample_prior(
    weights: Mapping[str, Floats],
    name: str,
    noise: Floats,
    context: Floats,
    rounded: Callable[[Floats], Floats],
) -> Floats:
    """(N, K) latent vectors in ``context`` (N, C).

    ``noise`` (N, K, 2): uniform numbers that choose components, and Gaussian ones within them. Weights that
    ``input_mask`` and ``output_mask`` leave out are 0.
    """
    count, width, _ = noise.shape
    first, second = weights[f"{name}_in.weight"], weights[f"{name}_out.weight"]
    before = rounded(context) @ first[:, width:].T + weights[f"{name}_in.bias"]  # (N, H)
    z = np.zeros((count, width))
    for k in range(width):
        rows = slice(3 * COMPONENTS * k, 3 * COMPONENTS * (k + 1))
        logits = rounded(np.maximum(before, 0)) @ second[rows].T + weights[f"{name}_out.bias"][rows]
        weight, mean, log_std = np.split(rounded(logits), 3, axis=1)  # (N, M)
        shares = np.exp(weight - weight.max(axis=1, keepdims=True))
        until = np.cumsum(rounded(shares / shares.sum(axis=1, keepdims=True)), axis=1)
        chosen = np.minimum((noise[:, k, :1] > until).sum(axis=1), COMPONENTS - 1)
        at = np.arange(count), chosen
        z[:, k] = rounded(mean[at] + np.exp(np.clip(log_std[at], *LOG_STD_LIMITS)) * noise[:, k, 1])
        before = before + z[:, k : k + 1] * first[:, k]
    return z
