"""Everything that decides a training, as one typed value read from a TOML file. One recipe a checkpoint that ships."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from training.errors import RecipeError

Precision = Literal["auto", "bf16", "fp32"]
"""``bf16`` mixes it with full precision; ``auto`` does so where the chip has bf16 arithmetic."""


class Table(BaseModel):
    """A table of a recipe: nothing unknown in it, nothing changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


AnyTable = TypeVar("AnyTable", bound=Table)


class Widths(Table):
    """Widths of the network; see ``composer.model.config.ModelConfig``."""

    hidden: int = Field(default=512, ge=8)
    layers: int = Field(default=2, ge=1, le=8)
    inputs: int = Field(default=256, ge=8)
    head: int = Field(default=192, ge=8)


class DropoutRates(Table):
    """Dropout of inputs, between layers, of outputs, of recurrent weights, of the lookback input."""

    inputs: float = Field(default=0.1, ge=0, lt=1)
    layers: float = Field(default=0.1, ge=0, lt=1)
    outputs: float = Field(default=0.1, ge=0, lt=1)
    recurrent_weights: float = Field(default=0.1, ge=0, lt=1)
    lookback: float = Field(default=0.1, ge=0, lt=1)


class Augmentation(Table):
    """How pieces are varied each time they come up, and how often a condition is left untold."""

    transpose_semitones: int = Field(default=6, ge=0, le=11, description="at most this far, up or down")
    velocity_classes: int = Field(default=1, ge=0, le=4)
    tempo_ratio: float = Field(default=0.1, ge=0, lt=1)
    all_untold: float = Field(default=0.25, ge=0, le=1)
    one_untold: float = Field(default=0.15, ge=0, le=1)


class Tuning(Table):
    """How a genre is added to a finished checkpoint; see ``training.finetune.finetune``. Shares are of nats a note."""

    minutes: float = Field(default=15.0, gt=0, description="unless --minutes says otherwise; validations included")
    rows_learning_rate_ratio: float = Field(default=10.0, gt=0, description="of the genre's own rows, to the recipe's")
    rows_only_below_notes: int = Field(default=20_000, ge=0, description="smaller corpora move their own rows only")
    replay_songs_a_genre: int = Field(default=8, ge=2, description="songs the base composes of each genre it knows")
    replay_seconds: float = Field(default=40.0, ge=10, le=140)
    replay_lanes: int = Field(default=16, ge=1)
    replay_weight: float = Field(default=1.0, ge=0, description="of staying with the base on its own songs")
    old_genres_limit: float = Field(default=0.007, gt=0, description="songs of the worst may get less likely by this")
    samples: int = Field(default=3, ge=1, description="songs composed at each validation, the first one to listen to")
    sample_seconds: float = Field(default=30.0, ge=10, le=140)


class Recipe(Table):
    """A training. Lengths in updates; one update sees ``lanes`` × ``steps`` events.

    With ``tuning`` it teaches a base checkpoint one genre more (and takes its widths); without, it trains anew.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = 1
    updates: int = Field(default=4000, ge=1)
    lanes: int = Field(default=64, ge=1)
    steps: int = Field(default=96, ge=2)
    accumulate: int = Field(default=1, ge=1, description="shares of the lanes played one after another, to save memory")
    precision: Precision = Field(default="auto", description="see Precision")
    learning_rate: float = Field(default=2e-3, gt=0)
    warm_up_updates: int = Field(default=150, ge=0)
    final_learning_rate_ratio: float = Field(default=0.02, ge=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    gradient_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    valid_every: int = Field(default=250, ge=1)
    valid_notes_a_genre: int = Field(default=15_000, ge=1)
    patience: int = Field(default=8, ge=1, description="validations without a better figure before stopping")
    genre_weights: dict[str, float] = Field(default_factory=dict)
    widths: Widths = Widths()
    dropouts: DropoutRates = DropoutRates()
    augmentation: Augmentation = Augmentation()
    tuning: Tuning | None = None

    @model_validator(mode="after")
    def _shares(self) -> Recipe:
        if self.accumulate > self.lanes:
            raise ValueError(f"accumulate is at most lanes ({self.lanes}), not {self.accumulate}")
        if self.tuning and self.accumulate > 1:
            raise ValueError(f"accumulate is 1 where there is [tuning], not {self.accumulate}")
        return self


def read_recipe(path: Path, **changes: Any) -> Recipe:
    """The recipe in a TOML file, with ``changes`` on top. Raises ``RecipeError`` naming the first wrong value."""
    return read_table(Recipe, path, changes)


def read_table(kind: type[AnyTable], path: Path, changes: Mapping[str, Any]) -> AnyTable:
    """A TOML file as ``kind``, with ``changes`` on top. Raises ``RecipeError`` naming the first wrong value."""
    try:
        return kind(**{**tomllib.loads(path.read_text(encoding="utf-8")), **changes})
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # values that do not go together, each fine by itself
            raise RecipeError(f"{path}: {first['msg'].removeprefix('Value error, ')}") from error
        where = ".".join(map(str, first["loc"]))
        raise RecipeError(f"{path}: {where}: {first['msg']}, not {first['input']!r}") from error
