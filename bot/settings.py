"""Settings of the bot, from the environment, from ``.env`` and from files of secrets.

Every secret may also come from a file: ``RIFFBIRD_X_ACCESS_TOKEN_FILE=/run/secrets/x`` fills ``x_access_token``.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from worker.settings import SettingsWithSecretFiles

PREFIX = "RIFFBIRD_"


class BotSettings(SettingsWithSecretFiles):
    """Settings of one bot. Durations in seconds, money in US dollars a UTC day."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        frozen=True,
    )

    data_dir: Path = Field(default=Path("data"), description="the service's data folder")

    # every network
    bot_cooldown_seconds: float = Field(default=60.0, ge=0, description="between two songs for one person")
    bot_songs_a_day: int = Field(default=20, ge=0, description="songs for one person in a UTC day")
    bot_waiting_songs: int = Field(default=1, ge=1, description="songs of one person that may wait at a time")
    bot_blocked: str = Field(default="", description="handles or ids that get no answer, with commas")
    bot_catch_up_hours: float = Field(default=24.0, gt=0, description="older mentions are left alone after a pause")
    bot_lease_seconds: float = Field(default=300.0, gt=0, description="a reply under way for longer counts as crashed")
    bot_request_timeout_seconds: float = Field(default=30.0, gt=0, description="timeout of one call to a network")
    bot_poll_seconds: float = Field(default=1.0, gt=0, description="between two looks for a song that is not finished")
    bot_song_threads: int = Field(default=24, ge=0, le=200, description="songs that are uploaded at the same time")

    # X
    x_consumer_key: SecretStr | None = Field(default=None, description="API key of the app")
    x_consumer_secret: SecretStr | None = Field(default=None, description="API key secret of the app")
    x_access_token: SecretStr | None = Field(default=None, description="access token of the bot's account")
    x_access_token_secret: SecretStr | None = Field(default=None, description="its secret")
    x_client_id: SecretStr | None = Field(default=None, description="instead of the four above: OAuth 2 client id")
    x_client_secret: SecretStr | None = Field(default=None, description="OAuth 2 client secret of a confidential app")
    x_refresh_token: SecretStr | None = Field(default=None, description="OAuth 2 refresh token to begin with")
    x_token_file: Path | None = Field(
        default=None, description="where renewed OAuth 2 tokens are kept; in the data folder"
    )
    x_daily_budget_dollars: float = Field(default=5.0, ge=0, description="spent at most in a UTC day, then it pauses")
    x_mentions_pause_seconds: float = Field(default=15.0, ge=3, description="between two readings of the mentions")
    x_messages: bool = Field(default=True, description="whether direct messages are read (each costs)")
    x_messages_pause_seconds: float = Field(default=300.0, ge=60, description="between two readings of the messages")
    x_api_origin: str = Field(default="", description="another origin to send signed calls to: a proxy, a test")

    # Mastodon
    mastodon_url: str = Field(default="", description="the instance, such as https://mastodon.example")
    mastodon_access_token: SecretStr | None = Field(default=None, description="token of the application")

    # Matrix
    matrix_homeserver: str = Field(default="", description="the homeserver, such as https://matrix.example")
    matrix_user_id: str = Field(default="", description="the bot's account, such as @riffbird:matrix.example")
    matrix_access_token: SecretStr | None = Field(default=None, description="token of the account")
    matrix_join_invitations: bool = Field(default=True, description="whether it joins rooms it is invited to")

    # Bluesky
    bluesky_service: str = Field(default="https://bsky.social", description="where the account signs in")
    bluesky_handle: str = Field(default="", description="the account, such as riffbird.bsky.social")
    bluesky_app_password: SecretStr | None = Field(default=None, description="an app password of the account")

    @property
    def token_path(self) -> Path:
        """The file of OAuth 2 tokens."""
        return self.x_token_file or self.data_dir / "x-token.json"

    def missing(self, *names: str) -> list[str]:
        """The environment variables behind those of ``names`` that are empty."""
        return [f"{PREFIX}{name.upper()}" for name in names if not plain(getattr(self, name))]


def plain(value: SecretStr | str | None) -> str:
    """The text of a setting that may be secret or absent. Called where the text is used, never earlier."""
    return value.get_secret_value() if isinstance(value, SecretStr) else (value or "")


def settings_errors(error: ValidationError) -> str:
    """What is wrong with the settings, by variable, without their values: one of them may be a secret."""
    return "; ".join(f"{PREFIX}{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())


def secrets_of(settings: BotSettings) -> list[str]:
    """The text of every secret that is set, to be cut out of log lines."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return [value for value in map(_secret, values) if value]


def _secret(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else ""
