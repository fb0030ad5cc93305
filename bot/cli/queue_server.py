"""Connects commands to the queue's Redis server; starts none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.client import Queues


def queues_of(redis: str | None = None) -> Queues:
    """Queues on the named server, else the configured one, else the one of ``riffbird serve`` on this data folder."""
    from pydantic import SecretStr

    from worker.client import connect
    from worker.embedded import socket_path
    from worker.settings import Settings

    settings = Settings(redis_url=SecretStr(redis)) if redis else Settings()
    socket = socket_path(settings.data_dir.resolve() / "redis")
    if "redis_url" not in settings.model_fields_set and socket.exists():
        settings = settings.model_copy(update={"redis_url": SecretStr(f"unix://{socket}")})
    return connect(settings)
