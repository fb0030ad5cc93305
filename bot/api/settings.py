"""What an operator may set about the HTTP API: one typed value, read once at start. Holds no secrets.

Every field is an environment variable ``RIFFBIRD_<FIELD>``, or a line of the working folder's ``.env``; the environment
wins. Queue and media are set in ``worker.settings``.
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """Settings of one API process."""

    model_config = SettingsConfigDict(
        env_prefix="RIFFBIRD_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    public_url: str | None = Field(
        default=None, pattern=r"^https?://[^/\s]+$", description="https://band.example: for links in social previews"
    )
    cors_origins: tuple[str, ...] = Field(default=(), description="foreign pages that may call the API; none")
    forwarded_allow_ips: str = Field(default="127.0.0.1", description="proxies whose X-Forwarded-For is believed")
    rate_limit_songs: int = Field(default=10, ge=1, description="songs one client may ask for …")
    rate_limit_seconds: int = Field(default=60, ge=1, description="… in this time")
    body_limit_bytes: int = Field(default=16 * 1024, ge=256, description="the largest request body")
    event_streams_limit: int = Field(default=500, ge=1, description="open event streams of one API process")
