"""A conditional prior: affine coupling layers (Dinh et al. 2017, RealNVP) over a Gaussian that depends on a context.

    z = base_mean(c) + exp(base_scale(c)) · u,   u = layers⁻¹(ε),   ε ~ N(0, 1)

Shape letters: N vectors, K latent width, C context.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from composer.model.style.config import FLOW_LAYERS

Floats = NDArray[np.float64]
Linear = Callable[[str, Floats], Floats]

SCALE_LIMIT = 2.0
"""Largest absolute log scale of a layer."""
BASE_LIMIT = 4.0
"""Largest absolute log scale of the base."""


def sample_flow(
    name: str, noise: Floats, context: Floats, linear: Linear, rounded: Callable[[Floats], Floats]
) -> Floats:
    """(N, K) latent vectors for ``noise`` (N, K) in ``context`` (N, C); ``linear(layer, x)`` applies a weight."""
    half = noise.shape[1] // 2
    u = noise
    for layer in reversed(range(FLOW_LAYERS)):
        kept, moved = u[:, :half], u[:, half:]
        inner = np.maximum(linear(f"{name}.{layer}_in", np.hstack([kept, context])), 0)  # (N, H)
        shift, scale = np.split(linear(f"{name}.{layer}_out", inner), 2, axis=1)
        moved = rounded((moved - shift) * np.exp(-SCALE_LIMIT * np.tanh(scale / SCALE_LIMIT)))
        u = np.hstack([moved, kept])  # the halves change places between layers
    mean, scale = np.split(linear(f"{name}.base", context), 2, axis=1)
    return rounded(mean + u * np.exp(BASE_LIMIT * np.tanh(scale / BASE_LIMIT)))
