"""``riffbird queue failed|requeue|discard``: the items that bots and workers could not process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import print_json, print_result, print_table
from bot.cli.errors import CommandRefusedError
from bot.cli.queue_server import queues_of

if TYPE_CHECKING:
    from worker.client import DeadLetters

app = typer.Typer(no_args_is_help=True, help="Inspect, requeue or discard items that could not be processed.")

RedisOption = Annotated[str | None, typer.Option("--redis", metavar="URL", help="A Redis or Valkey server.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids as shown by `riffbird queue failed`, or `all`.")]


@app.command()
def failed(
    redis: RedisOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the whole item.")] = False,
) -> None:
    """List the items that could not be processed, the oldest first."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    letters = sorted((one for each in _lists(redis) for one in each.all()), key=lambda letter: letter.failed_at)
    if json:
        for letter in letters:
            print_json(asdict(letter))
        return
    rows = [
        (letter.id, letter.list, letter.kind, f"{datetime.fromtimestamp(letter.failed_at, UTC):%Y-%m-%d %H:%M}",
         letter.error[:100])
        for letter in letters
    ]  # fmt: skip
    print_table(("id", "list", "kind", "failed (UTC)", "error"), rows)


@app.command()
def requeue(ids: Ids, redis: RedisOption = None) -> None:
    """Hand items back to the bot or worker that could not process them."""
    print_result(f"{_each(redis, ids, 'requeue')} requeued")


@app.command()
def discard(ids: Ids, redis: RedisOption = None) -> None:
    """Delete items for good."""
    print_result(f"{_each(redis, ids, 'discard')} discarded")


def _lists(redis: str | None) -> list[DeadLetters]:
    from worker.client import QUEUE_UNAVAILABLE, dead_letter_lists

    try:
        return dead_letter_lists(queues_of(redis).connection)
    except QUEUE_UNAVAILABLE as error:
        raise CommandRefusedError(f"no Redis server answers ({type(error).__name__}): set RIFFBIRD_REDIS_URL") from None


def _each(redis: str | None, ids: list[str], method: str) -> int:
    """Number of items done. Raises ``CommandRefusedError`` for an id that no list has."""
    lists = _lists(redis)
    wanted = [letter.id for each in lists for letter in each.all()] if ids == ["all"] else ids
    refused = [number for number in wanted if not any(getattr(each, method)(number) for each in lists)]
    if refused and ids != ["all"]:
        raise CommandRefusedError(f"cannot {method} {', '.join(refused)}: no such item, or it was too large to keep")
    return len(wanted) - len(refused)
