"""What an operator may set about queue, workers and media: one typed value, read once at start.

Every field is an environment variable ``RIFFBIRD_<FIELD>``, or a line of the working folder's ``.env``; the environment
wins. Knows nothing of HTTP, people or music.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from composer.request import Format

PREFIX = "RIFFBIRD_"
DEFAULT_PERFORMER = "composer.pipeline.compose"


class Settings(BaseSettings):
    """Settings of the queue and the workers. URLs may hold a password, so they never show in a repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    redis_url: SecretStr = Field(default=SecretStr("redis://127.0.0.1:6379/0"), description="where the queue lives")
    data_dir: Path = Field(default=Path("data"), description="embedded server's data, finished songs, scratch space")
    media_url: SecretStr | None = Field(default=None, description="where songs are kept; any fsspec URL, e.g. s3://…")
    media_ttl_seconds: int = Field(default=30 * 24 * 3600, ge=60, description="a song's files are deleted after this")
    formats: tuple[Format, ...] = Field(default=("mid", "mp3", "png", "mp4"), min_length=1, description="files made")
    queue_limit: int = Field(default=100, ge=1, description="songs that may wait; one more is refused")
    processes: int = Field(default=1, ge=1, le=64, description="worker processes")
    job_timeout_seconds: int = Field(default=300, ge=1, description="a song that takes longer is given up and retried")
    retry_delays_seconds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(1, 10), max_length=10, description="one retry after each of these"
    )
    compose_batch_size: int = Field(
        default=7, ge=0, le=63, description="so many songs that wait are composed beside the one in hand"
    )
    heartbeat_seconds: float = Field(default=1.0, gt=0, description="a worker says this often that it lives")
    heartbeat_ttl_seconds: int = Field(default=6, ge=2, description="a worker silent for this long counts as dead")
    stop_grace_seconds: float = Field(default=30.0, ge=0, description="a stopping worker may finish its song in this")
    checkpoint: Path | None = Field(default=None, description="weights to play with; the shipped ones if left out")
    performer: str = Field(
        default=DEFAULT_PERFORMER,
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$",
        description="dotted name of the function that makes a song",
    )
    trainer: str = Field(
        default="training.job",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$",
        description="dotted name of a training's program",
    )
    train_recipe: Path | None = Field(default=None, description="how trainings are done; riffbird train's if left out")
    train_device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="what trainings run on")
    train_snapshot_seconds: float = Field(default=30.0, gt=0, le=60, description="a killed training loses at most this")
    train_timeout_seconds: int = Field(default=24 * 3600, ge=1, description="a training that takes longer is given up")
    train_queue_limit: int = Field(default=10, ge=1, description="trainings that may wait; one more is refused")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="what is logged")

    @property
    def media_location(self) -> str:
        """The fsspec URL songs are kept under; a folder in ``data_dir`` unless another was set."""
        if self.media_url is not None:
            return self.media_url.get_secret_value()
        return str(self.data_dir.resolve() / "songs")

    @property
    def scratch_dir(self) -> Path:
        """Where a worker builds a song before it is stored."""
        return self.data_dir.resolve() / "scratch"

    @property
    def trainings_dir(self) -> Path:
        """Where trainings are under way, a folder each: what one leaves behind another worker goes on from."""
        return self.data_dir.resolve() / "trainings-at-work"

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, to start another process with the same ones."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {PREFIX + name.upper(): _as_text(value) for name, value in values.items() if value is not None}


def _as_text(value: object) -> str:
    """``value`` as pydantic-settings reads it back: secrets in clear, lists as JSON."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, tuple) else str(value)
