"""A tiny network with random weights as a checkpoint: for tests of arithmetic, never of music."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.checkpoint import Checkpoint, header_for
from composer.model.checkpoint_parts import PARTS
from composer.model.config import ModelConfig, expected_shapes
from composer.model.planner_config import SLOWEST_TEMPO, expected_pooled_shapes
from midi_data.events.encoding import part_code

GENRES = ("heavy-metal", "jazz")
STYLES = ("any", "heavy-metal/a", "jazz/b")
BAND = (part_code(0, is_drum=True), part_code(30, is_drum=False), part_code(33, is_drum=False))


def tiny_shape() -> ModelConfig:
    return ModelConfig(
        len(GENRES),
        len(STYLES),
        hidden=24,
        layers=2,
        inputs=16,
        head=12,
        time_shift=8,
        part=8,
        pitch=8,
        duration=6,
        velocity=4,
    )


def tiny_checkpoint(seed: int = 1, scale: float = 0.4) -> Checkpoint:
    rng = np.random.default_rng(seed)
    shape = tiny_shape()
    weights: dict[str, NDArray[np.float32]] = {
        # Half precision first: what is saved must be what was compared.
        name: (rng.standard_normal(size) * scale).astype(np.float16).astype(np.float32)
        for name, size in expected_shapes(shape).items()
    }
    header = header_for(shape, name="tiny", genres=GENRES, styles=STYLES)
    return Checkpoint(header, weights, **tiny_parts(rng))


def tiny_parts(rng: np.random.Generator) -> dict[str, Any]:
    """Random models of everything beside the network; pooled statistics of 4/4 at 120 BPM in C major."""
    genres, styles = len(GENRES), len(STYLES)
    parts: dict[str, Any] = {
        name: {
            key: (0.05 * rng.standard_normal(size)).astype(np.float16).astype(np.float32)
            for key, size in PARTS[name](genres, styles, {}).items()
        }
        for name in ("planner", "instrumentation", "style")
    }
    parts["instrumentation"]["style_share"] = np.array([[0, 1, 0], [0, 0, 1]], dtype=np.float32)
    pooled = {name: np.zeros(size) for name, size in expected_pooled_shapes(genres, styles, 1).items()}
    pooled["pieces"] = np.full(genres + styles, 20)
    pooled["part_pieces"] = np.full(len(pooled["part_pieces"]), 20)
    pooled["meters"] = np.array([[4, 4]])
    pooled["tempo"][:, 120 - SLOWEST_TEMPO] = pooled["meter"][:, 0] = pooled["key"][:, 1] = 1
    pooled["part_repetition"][:, 0] = 1
    return {**parts, "pooled": pooled}
