"""``riffbird songs``: the store of finished songs, for its operator."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.console import print_result
from bot.cli.errors import CommandRefusedError
from bot.cli.queue_server import queues_of

app = typer.Typer(no_args_is_help=True, help="Look after the store of finished songs.")


@app.callback()
def songs() -> None:
    """Keep ``riffbird songs`` a group while it has one command."""


@app.command()
def reindex(
    redis: Annotated[str | None, typer.Option("--redis", metavar="URL", help="A Redis or Valkey server.")] = None,
) -> None:
    """Register the songs of the media store that Redis does not know, as after a loss of its data."""
    from worker.client import QUEUE_UNAVAILABLE

    try:
        found = queues_of(redis).songs.reindex()
    except QUEUE_UNAVAILABLE as error:
        raise CommandRefusedError(f"no Redis server answers ({type(error).__name__}): set RIFFBIRD_REDIS_URL") from None
    print_result(f"{found} songs registered")
