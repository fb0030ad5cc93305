"""``riffbird bot NETWORK``: run the band's account on one network, or check that it could. Knows no network's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import print_result, print_status
from bot.cli.errors import REFUSED, CommandRefusedError
from bot.cli.queue_server import queues_of

if TYPE_CHECKING:
    from bot.networks.checks import CheckResult
    from bot.networks.protocol import Network
    from bot.networks.registry import Check
    from bot.networks.retry import SystemClock
    from bot.reply_store import ReplyStore
    from bot.settings import BotSettings
    from worker.client import Queues


def bot(
    network: Annotated[str, typer.Argument(help="x, mastodon, matrix, bluesky, or console (this terminal).")],
    redis: Annotated[str | None, typer.Option("--redis", metavar="URL", help="A Redis or Valkey server.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Prove credentials, permissions, clock; post nothing.")
    ] = False,
) -> None:
    """Answer people on NETWORK until Ctrl+C or SIGTERM."""
    from bot.networks.protocol import NetworkError
    from bot.networks.registry import NETWORKS
    from bot.networks.retry import SystemClock
    from bot.settings import secrets_of
    from worker.client import configure_logging

    if network not in NETWORKS:
        raise CommandRefusedError(f"the band lives on {', '.join(NETWORKS)}, not on {network!r}")
    settings = _settings()
    configure_logging("INFO", secrets_of(settings))
    try:
        _run(network, redis, settings, SystemClock(), check=check)
    except NetworkError as error:
        raise CommandRefusedError(str(error)) from None


def _settings() -> BotSettings:
    from pydantic import ValidationError

    from bot.settings import BotSettings, settings_errors

    try:
        return BotSettings()
    except ValidationError as error:
        raise CommandRefusedError(settings_errors(error)) from None
    except OSError as error:
        raise CommandRefusedError(f"{error.filename}, the file of a secret, cannot be read: {error.strerror}") from None


def _run(name: str, redis: str | None, settings: BotSettings, clock: SystemClock, *, check: bool) -> None:
    from bot.networks.registry import open_network
    from bot.run import open_reply_store

    queues = queues_of(redis)
    reply_store = open_reply_store(queues, name, durable=True)
    server = _server_result(queues)
    if not check and not server.good:
        raise CommandRefusedError(server.text)
    network, check_network = open_network(name, settings, reply_store, clock)
    try:
        if check:
            _show_results([server, *_network_results(check_network)])
        else:
            _answer(network, reply_store, queues, settings, clock)
    finally:
        network.close()


def _server_result(queues: Queues) -> CheckResult:
    from bot.networks.checks import CheckResult
    from worker.client import QUEUE_UNAVAILABLE

    try:
        queues.connection.ping()
        workers = queues.stats.worker_count()
    except QUEUE_UNAVAILABLE:
        advice = "start `riffbird serve`, or set RIFFBIRD_REDIS_URL"
        return CheckResult("queue", good=False, text=f"no Redis server answers: {advice}")
    advice = "" if workers else ": songs wait until `riffbird worker` or `riffbird serve` runs"
    return CheckResult("queue", good=True, text=f"{workers} workers{advice}")


def _network_results(check: Check) -> list[CheckResult]:
    from bot.networks.checks import CheckResult
    from bot.networks.protocol import NetworkError

    try:
        return check()
    except NetworkError as error:
        return [CheckResult("network", good=False, text=str(error))]


def _show_results(results: list[CheckResult]) -> None:
    for result in results:
        print_result(f"{'ok     ' if result.good else 'MISSING'}  {result.name:<12} {result.text}")
    if not all(result.good for result in results):
        raise typer.Exit(REFUSED)


def _answer(
    network: Network, reply_store: ReplyStore, queues: Queues, settings: BotSettings, clock: SystemClock
) -> None:
    import random
    import signal

    from bot.run import make_bot
    from bot.scratch import scratch_folder

    with scratch_folder(settings.data_dir.resolve() / "scratch" / f"bot-{network.name}") as scratch:
        made = make_bot(
            network, reply_store, queues, settings, clock=clock, generator=random.Random(), scratch=scratch
        )  # fmt: skip
        print_status(f"riffbird: {made.open()} listens on {network.name} - stop with Ctrl+C")
        signal.signal(signal.SIGTERM, made.stop)
        signal.signal(signal.SIGINT, made.stop)
        network.listen(made.wake)
        made.run()
