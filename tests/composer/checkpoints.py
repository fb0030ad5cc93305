"""A tiny network with random weights as a checkpoint: for tests of arithmetic, never of music."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.model.checkpoint import Checkpoint, header_for
from composer.model.checkpoint_tables import TEMPLATE_COLUMNS
from composer.model.config import ModelConfig, expected_shapes
from midi_data.analysis.activity import MASK_VALUES_PER_PART, MASKS_WIDTH
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH, TIME_SHIFT_BINS
from midi_data.events.encoding import PART_LIMIT, part_code
from midi_data.events.features import LAGS

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
    templates = np.full((2, len(TEMPLATE_COLUMNS) + PART_LIMIT), -1)
    for genre in range(2):
        templates[genre, : len(TEMPLATE_COLUMNS)] = (genre, genre + 1, 120, 4, 4, 1, 4, 32)
        templates[genre, len(TEMPLATE_COLUMNS) : len(TEMPLATE_COLUMNS) + len(BAND)] = BAND
    masks = np.full((2, MASKS_WIDTH), -1)
    masks[:, :2] = (1 << 24) - 1, (1 << 12) - 1
    for index in range(len(BAND)):
        own = (128 + 35, 128 + 59, 1, 15, 5) if index == 0 else (20, 100, 1, 15, 6)
        masks[:, 2 + MASK_VALUES_PER_PART * index :][:, :MASK_VALUES_PER_PART] = own
    activity = np.full((32, len(BAND)), 4, dtype=np.uint8)
    attribute_histograms = rng.integers(0, 40, (2, len(BAND), HISTOGRAMS_WIDTH)).astype(np.uint8)
    time_shift_histograms = rng.integers(0, 40, (2, TIME_SHIFT_BINS)).astype(np.uint8)
    repetitions, source_lags = np.ones(32, dtype=np.uint8), np.full(32, LAGS[-1], dtype=np.uint8)
    tables = (repetitions,) * 2, (source_lags,) * 2, (np.ones_like(activity),) * 2, (activity,) * 2
    return Checkpoint(header, weights, templates, *tables, masks, tuple(attribute_histograms), time_shift_histograms)
