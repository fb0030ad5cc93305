"""Configuration of a piano-roll training; ``training/recipes`` holds one file for each of the four sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from training.config import Count, DropoutRate, Rate, Table, TrainerConfig, read_table


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

    planes: DropoutRate = 0.1
    inputs: DropoutRate = 0.1
    keys: DropoutRate = 0.2
    frames: DropoutRate = 0.3
    chord: DropoutRate = 0.3
    recurrent_weights: DropoutRate = 0.2


class RollTrainingConfig(TrainerConfig):
    """A training of a piano-roll network. Time steps are frames."""

    name: str = Field(default="pianoroll", pattern=r"^[a-z0-9][a-z0-9-]*$")
    updates: Count = 3000
    batch_size: Count = 8
    steps: Annotated[int, Field(ge=2)] = 64
    learning_rate: Rate = 3e-3
    warm_up_updates: Annotated[int, Field(ge=0)] = 50
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    ema_decay: DropoutRate = 0.995
    valid_every: Count = 100
    transpose_semitones: int = Field(default=5, ge=0, le=11, description="largest transposition, up or down")
    margin: int = Field(default=2, ge=0, le=87, description="keys modelled beyond those of the training part")
    descending: bool = Field(default=True, description="keys of a frame are decided from the highest down")
    widths: RollWidths = RollWidths()
    dropouts: RollDropoutRates = RollDropoutRates()


def read_roll_config(path: Path, **changes: Any) -> RollTrainingConfig:
    """The configuration in a TOML file, with ``changes`` on top. Raises ``ConfigError`` naming the first bad value."""
    return read_table(RollTrainingConfig, path, changes)
