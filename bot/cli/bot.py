"""``riffbird bot NETWORK``: run the band's account on one network, or check that it could. Knows no network's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import say, tell
from bot.cli.errors import REFUSED, CommandRefusedError
from bot.cli.queue_server import queues_of

if TYPE_CHECKING:
    from bot.networks.checks import Finding
    from bot.networks.protocol import Frontend
    from bot.networks.registry import Check
    from bot.networks.retry import SystemClock
    from bot.reply_store import Ledger
    from bot.settings import BotSettings
    from worker.client import Queues


def bot(
    network: Annotated[str, typer.Argument(help="x, mastodon, matrix, or console to try it in this terminal.")],
    redis: Annotated[str | None, typer.Option("--redis", metavar="URL", help="A Redis or Valkey server.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Prove credentials, permissions, clock; post nothing.")
    ] = False,
) -> None:
    """Answer people on NETWORK until told to stop (Ctrl+C, SIGTERM)."""
    from bot.networks.protocol import FrontendError
    from bot.networks.registry import NETWORKS
    from bot.networks.retry import SystemClock

    if network not in NETWORKS:
        raise CommandRefusedError(f"the band lives on {', '.join(NETWORKS)}, not on {network!r}")
    settings = _settings()
    _log_without(settings)
    try:
        _run(network, redis, settings, SystemClock(), check=check)
    except FrontendError as error:
        raise CommandRefusedError(str(error)) from None


def _settings() -> BotSettings:
    from pydantic import ValidationError

    from bot.settings import BotSettings, problems

    try:
        return BotSettings()
    except ValidationError as error:
        raise CommandRefusedError(problems(error)) from None
    except OSError as error:
        raise CommandRefusedError(f"{error.filename}, the file of a secret, cannot be read: {error.strerror}") from None


def _run(network: str, redis: str | None, settings: BotSettings, clock: SystemClock, *, check: bool) -> None:
    from bot.networks.registry import open_network
    from bot.run import open_ledger

    queues = queues_of(redis)
    ledger = open_ledger(queues, network, durable=True)
    server = _server_finding(queues)
    if not check and not server.good:
        raise CommandRefusedError(server.text)
    frontend, check_network = open_network(network, settings, ledger, clock)
    try:
        if check:
            _tell_findings([server, *_network_findings(check_network)])
        else:
            _answer(frontend, ledger, queues, settings, clock)
    finally:
        frontend.close()


def _server_finding(queues: Queues) -> Finding:
    from bot.networks.checks import Finding
    from worker.client import QUEUE_GONE

    try:
        queues.connection.ping()
        workers = queues.stats.worker_count()
    except QUEUE_GONE:
        return Finding("queue", good=False, text="no server answers: start `riffbird serve`, or set RIFFBIRD_REDIS_URL")
    advice = "" if workers else ": songs wait until `riffbird worker` or `riffbird serve` runs"
    return Finding("queue", good=True, text=f"{workers} workers{advice}")


def _network_findings(check: Check) -> list[Finding]:
    from bot.networks.checks import Finding
    from bot.networks.protocol import FrontendError

    try:
        return check()
    except FrontendError as error:
        return [Finding("network", good=False, text=str(error))]


def _tell_findings(findings: list[Finding]) -> None:
    for finding in findings:
        say(f"{'ok     ' if finding.good else 'MISSING'}  {finding.name:<12} {finding.text}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(REFUSED)


def _answer(frontend: Frontend, ledger: Ledger, queues: Queues, settings: BotSettings, clock: SystemClock) -> None:
    import random
    import signal

    from bot.run import make_bot

    made = make_bot(frontend, ledger, queues, settings, clock=clock, generator=random.Random())
    tell(f"riffbird: {made.open()} listens on {frontend.network} - stop with Ctrl+C")
    signal.signal(signal.SIGTERM, made.stop)
    signal.signal(signal.SIGINT, made.stop)
    frontend.listen(clock.wake)
    made.run()


def _log_without(settings: BotSettings) -> None:
    """Log to stderr, with every secret of ``settings`` cut out of whatever was to be said."""
    import logging

    from bot.settings import SecretlessFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(SecretlessFormatter(settings))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for library in ("rq", "httpx", "nio"):
        logging.getLogger(library).setLevel(logging.WARNING)
