"""Settings of queue, workers and media: one typed value, read once at start.

Every field is an environment variable ``RIFFBIRD_<FIELD>``, or a line of the working folder's ``.env``; the environment
wins. A secret may also come from a file: ``RIFFBIRD_REDIS_URL_FILE=/run/secrets/redis_url``.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from composer.request import Format

PREFIX = "RIFFBIRD_"
DEFAULT_PERFORMER = "composer.pipeline.compose"
SCRATCH_PREFIX = "song-"
"""Of the folders in which workers build songs; others in the scratch folder are the bots'."""
DOTTED_NAME = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"
SECRET_NAME = re.compile(rf"{PREFIX}\w*(TOKEN|SECRET|KEY|PASSWORD|CLIENT_ID)(_FILE)?")


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets from files named by ``…_FILE`` variables, as container platforms provide them."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The file's text without surrounding blanks, or ``None``."""
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path or field.annotation not in (SecretStr, SecretStr | None):
            return None, field_name, False
        return Path(path).read_text(encoding="utf-8").strip(), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All secrets that come from files."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class SettingsWithSecretFiles(BaseSettings):
    """Base of settings whose secrets may come from files: arguments, then environment, files, ``.env``."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources, the strongest first."""
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings, file_secret_settings


class Settings(SettingsWithSecretFiles):
    """Settings of the queue and the workers. URLs may hold a password, so they are left out of the repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"), description="the Redis or Valkey server of the queue"
    )
    redis_password: SecretStr | None = Field(default=None, description="its password, where the URL has none")
    data_dir: Path = Field(default=Path("data"), description="embedded server's data, finished songs, scratch space")
    media_url: SecretStr | None = Field(default=None, description="where songs are kept; any fsspec URL, e.g. s3://…")
    media_ttl_seconds: int = Field(default=30 * 24 * 3600, ge=60, description="a song's files are deleted after this")
    songs_limit: int = Field(default=100_000, ge=1, description="songs that are kept; the oldest beyond it are deleted")
    result_ttl_seconds: int = Field(default=24 * 3600, ge=60, description="a job's refusal or failure is known so long")
    formats: tuple[Format, ...] = Field(default=("mid", "mp3", "png", "mp4"), min_length=1, description="files made")
    queue_limit: int = Field(default=100, ge=1, description="songs that may wait; one more is refused")
    processes: int = Field(default=1, ge=1, le=64, description="worker processes")
    job_timeout_seconds: int = Field(default=300, ge=1, description="a song that takes longer is given up and retried")
    retry_delays_seconds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(1, 10), max_length=10, description="one retry after each of these"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="what composes: cpu or cuda in a process of its own; auto: each worker on its CPU"
    )
    compose_batch_size: int = Field(
        default=8, ge=1, le=64, description="songs composed together: the one in hand and songs that wait"
    )
    house_songs: bool = Field(
        default=True,
        description="whether serve composes a song of each genre itself while the queue and the timeline are empty",
    )
    heartbeat_seconds: float = Field(default=1.0, gt=0, description="between two heartbeats of a worker")
    heartbeat_ttl_seconds: int = Field(default=6, ge=2, description="a worker silent for this long counts as dead")
    stop_grace_seconds: float = Field(default=30.0, ge=0, description="a stopping worker may finish its song in this")
    checkpoint: Path | None = Field(default=None, description="weights to compose with; the shipped ones if left out")
    performer: str = Field(
        default=DEFAULT_PERFORMER, pattern=DOTTED_NAME, description="dotted name of the function that makes a song"
    )
    trainer: str = Field(default="training.job", pattern=DOTTED_NAME, description="dotted name of a training's program")
    train_recipe: Path | None = Field(default=None, description="recipe of trainings; riffbird train's if left out")
    train_device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="what trainings run on")
    train_snapshot_seconds: float = Field(default=30.0, gt=0, le=60, description="a killed training loses at most this")
    train_timeout_seconds: int = Field(default=24 * 3600, ge=1, description="a training that takes longer is given up")
    train_queue_limit: int = Field(default=10, ge=1, description="trainings that may wait; one more is refused")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="what is logged")

    @property
    def media_location(self) -> str:
        """The fsspec URL of the songs: ``media_url``, or a folder in ``data_dir``."""
        if self.media_url is not None:
            return self.media_url.get_secret_value()
        return str(self.data_dir.resolve() / "songs")

    @property
    def scratch_dir(self) -> Path:
        """Where a worker builds a song before it is stored."""
        return self.data_dir.resolve() / "scratch"

    @property
    def trainings_dir(self) -> Path:
        """A folder for each training in progress, from which another worker can continue."""
        return self.data_dir.resolve() / "trainings-at-work"

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, to start another process with the same ones."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {PREFIX + name.upper(): _as_text(value) for name, value in values.items() if value is not None}

    def worker_environment(self) -> dict[str, str]:
        """The environment of a worker: ours without the networks' tokens and the API's keys, which it never needs."""
        inherited = {name: value for name, value in os.environ.items() if not SECRET_NAME.fullmatch(name)}
        return inherited | self.environment()


def _as_text(value: object) -> str:
    """``value`` as pydantic-settings reads it back: secrets in clear, lists as JSON."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, tuple) else str(value)
