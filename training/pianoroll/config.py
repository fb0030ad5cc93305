"""Everything that decides a piano-roll training, as one typed value; a recipe file for each of the four sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from training.config import Table, read_table

RECIPES = Path(__file__).parents[1] / "recipes"


class RollWidths(Table):
    """Widths of the network; see ``training.pianoroll.model_config.RollShape``."""

    features: int = Field(default=96, ge=4)
    key_hidden: int = Field(default=96, ge=4)
    key: int = Field(default=96, ge=4)
    frame_hidden: int = Field(default=192, ge=4)
    chord_hidden: int = Field(default=128, ge=4)
    score: int = Field(default=64, ge=4)


class RollDropoutRates(Table):
    """See ``training.pianoroll.network.RollDropouts``."""

    planes: float = Field(default=0.1, ge=0, lt=1)
    inputs: float = Field(default=0.1, ge=0, lt=1)
    keys: float = Field(default=0.2, ge=0, lt=1)
    frames: float = Field(default=0.3, ge=0, lt=1)
    chord: float = Field(default=0.3, ge=0, lt=1)
    recurrent_weights: float = Field(default=0.2, ge=0, lt=1)


class RollRecipe(Table):
    """A training. One update sees ``lanes`` × ``steps`` frames."""

    name: str = Field(default="pianoroll", pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = 1
    updates: int = Field(default=3000, ge=1)
    lanes: int = Field(default=8, ge=1)
    steps: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0)
    warm_up_updates: int = Field(default=50, ge=0)
    final_learning_rate_ratio: float = Field(default=0.02, ge=0, le=1)
    weight_decay: float = Field(default=0.02, ge=0)
    gradient_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.995, ge=0, lt=1)
    valid_every: int = Field(default=100, ge=1)
    patience: int = Field(default=8, ge=1, description="validations without a better figure before stopping")
    transpose_semitones: int = Field(default=5, ge=0, le=11, description="at most this far, up or down, in training")
    margin: int = Field(default=2, ge=0, le=87, description="keys followed beyond those of the training part")
    descending: bool = Field(default=True, description="a frame's keys are decided from the highest down")
    widths: RollWidths = RollWidths()
    dropouts: RollDropoutRates = RollDropoutRates()


def read_roll_recipe(path: Path, **changes: Any) -> RollRecipe:
    """The recipe in a TOML file, with ``changes`` on top. Raises ``RecipeError`` naming the first wrong value."""
    return read_table(RollRecipe, path, changes)
