"""Settings of the HTTP API.

Every field is an environment variable ``RIFFBIRD_<FIELD>``, or a line of ``.env`` in the working folder; the
environment wins. Queue and media are set in ``worker.settings``.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from worker.settings import SecretFiles


class ApiSettings(BaseSettings):
    """Settings of one API process."""

    model_config = SettingsConfigDict(
        env_prefix="RIFFBIRD_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    public_url: str | None = Field(
        default=None, pattern=r"^https?://[^/\s]+$", description="https://band.example: for links in social previews"
    )
    cors_origins: tuple[str, ...] = Field(default=(), description="foreign pages that may call the API; none")
    forwarded_allow_ips: str = Field(
        default="127.0.0.1", description="proxies whose X-Forwarded-For is used: addresses or networks, with commas"
    )
    operator_key: SecretStr | None = Field(
        default=None, min_length=16, description="key of moderation, deletion and metrics; without one they are off"
    )
    metrics_allow: str = Field(
        default="127.0.0.1,::1", description="clients that read /metrics without the key: addresses or networks"
    )
    rate_limit_songs: int = Field(default=10, ge=1, description="songs that one client may request …")
    rate_limit_seconds: int = Field(default=60, ge=1, description="… in this time")
    body_limit_bytes: int = Field(default=16 * 1024, ge=256, description="the largest JSON body")
    request_timeout_seconds: float = Field(
        default=20.0, gt=0, description="a request whose headers or body take longer is closed"
    )
    event_streams_limit: int = Field(default=500, ge=1, description="open event streams of one API process …")
    event_streams_per_client: int = Field(default=20, ge=1, description="… and of one client in it")
    train_api_key: SecretStr | None = Field(
        default=None, min_length=16, description="key of training over HTTP; without one it is off"
    )
    train_folder: Path | None = Field(default=None, description="MIDI on the server that trainings may name; none")
    train_minutes: float = Field(default=15.0, gt=0, description="length of a training that names none")
    train_minutes_limit: float = Field(default=600.0, gt=0, description="the longest training")
    train_updates_limit: int = Field(default=100_000, ge=1, description="the most updates of a training")
    train_upload_limit_bytes: int = Field(default=256 * 2**20, ge=1024, description="the largest uploaded archive")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then files named in it, then ``.env``."""
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings, file_secret_settings
