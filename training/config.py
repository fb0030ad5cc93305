"""Training configurations: typed values read from the TOML files in ``training/recipes``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from training.errors import ConfigError

RECIPES = Path(__file__).parent / "recipes"

Precision = Literal["auto", "bf16", "fp32"]
"""``bf16``: mixed precision. ``auto``: mixed precision where the device has bf16 arithmetic."""

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
DropoutRate = Annotated[float, Field(ge=0, lt=1)]


class Table(BaseModel):
    """A frozen table of a recipe file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnyTable = TypeVar("AnyTable", bound=Table)


class TrainerConfig(Table):
    """Settings of every training: schedule, optimiser (AdamW), batches, validation.

    Lengths are in updates. One update sees ``batch_size`` × ``steps`` time steps (truncated BPTT).
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = 1
    updates: Count = 4000
    batch_size: Count = 64
    steps: Annotated[int, Field(ge=2)] = 96
    learning_rate: Rate = 2e-3
    warm_up_updates: Annotated[int, Field(ge=0)] = 150
    final_learning_rate_ratio: Fraction = 0.02
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    gradient_norm: Rate = 1.0
    ema_decay: DropoutRate = 0.999
    valid_every: Count = 250
    early_stopping: Count = 8
    """Validations without improvement after which a training stops."""


class Widths(Table):
    """Widths of the network; see ``composer.model.config.ModelConfig``."""

    hidden: int = Field(default=512, ge=8)
    layers: int = Field(default=2, ge=1, le=8)
    inputs: int = Field(default=256, ge=8)
    head: int = Field(default=192, ge=8)


class DropoutRates(Table):
    """Dropout of inputs, between layers, of outputs, of recurrent weights, of the lookback input."""

    inputs: DropoutRate = 0.1
    layers: DropoutRate = 0.1
    outputs: DropoutRate = 0.1
    recurrent_weights: DropoutRate = 0.1
    lookback: DropoutRate = 0.1


class AugmentationConfig(Table):
    """Augmentation of a piece, drawn anew each time it is trained on, and condition dropout."""

    transpose_semitones: int = Field(default=6, ge=0, le=11, description="largest transposition, up or down")
    velocity_classes: int = Field(default=1, ge=0, le=4)
    tempo_ratio: DropoutRate = 0.1
    drop_all_conditions: Fraction = 0.25
    drop_one_condition: Fraction = 0.15


class FineTuningConfig(Table):
    """Adding a genre to a finished checkpoint; see ``training.finetune.finetune``. Changes are of nats a note."""

    minutes: float = Field(default=15.0, gt=0, description="default of --minutes, validations included")
    rows_learning_rate_ratio: float = Field(default=10.0, gt=0, description="the new genre's rows / other weights")
    rows_only_below_notes: int = Field(default=20_000, ge=0, description="smaller corpora train the new rows only")
    replay_songs_a_genre: int = Field(default=8, ge=2, description="songs that the base composes of each known genre")
    replay_seconds: float = Field(default=40.0, ge=10, le=140)
    replay_batch_size: Count = 16
    replay_weight: float = Field(default=1.0, ge=0, description="of the distillation loss on replayed songs")
    old_genres_limit: float = Field(default=0.007, gt=0, description="largest relative rise of nll in an old genre")
    samples: int = Field(default=3, ge=1, description="songs composed at each validation; the first one is kept")
    sample_seconds: float = Field(default=30.0, ge=10, le=140)


class TrainingConfig(TrainerConfig):
    """A training of the note network: from scratch, or with ``finetuning`` one genre added to a base checkpoint."""

    accumulate: int = Field(default=1, ge=1, description="parts of a batch run one after another, to save memory")
    precision: Precision = Field(default="auto", description="see Precision")
    valid_notes_a_genre: Count = 15_000
    valid_unconditioned: tuple[str, ...] | None = Field(default=None, description="left out when validating")
    chord_learning_rate_ratio: Rate = 1.0
    genre_weights: dict[str, float] = Field(default_factory=dict)
    widths: Widths = Widths()
    dropouts: DropoutRates = DropoutRates()
    augmentation: AugmentationConfig = AugmentationConfig()
    finetuning: FineTuningConfig | None = None

    @model_validator(mode="after")
    def _accumulation(self) -> TrainingConfig:
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate is at most batch_size ({self.batch_size}), not {self.accumulate}")
        if self.finetuning and self.accumulate > 1:
            raise ValueError(f"accumulate is 1 with [finetuning], not {self.accumulate}")
        return self


def read_config(path: Path, **changes: Any) -> TrainingConfig:
    """The configuration in a TOML file, with ``changes`` on top. Raises ``ConfigError`` naming the first bad value."""
    return read_table(TrainingConfig, path, changes)


def read_table(kind: type[AnyTable], path: Path, changes: Mapping[str, Any]) -> AnyTable:
    """A TOML file as ``kind``, with ``changes`` on top. Raises ``ConfigError`` naming the first bad value."""
    try:
        return kind(**{**tomllib.loads(path.read_text(encoding="utf-8")), **changes})
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # a rule about several values
            raise ConfigError(f"{path}: {first['msg'].removeprefix('Value error, ')}") from error
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: {where}: {first['msg']}, not {first['input']!r}") from error
