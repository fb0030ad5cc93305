"""The networks by name: how each is opened and checked. Loads a network's library only when it is asked for."""

from __future__ import annotations

import random
from collections.abc import Callable

from bot.networks.checks import Finding
from bot.networks.protocol import Frontend
from bot.networks.retry import Clock
from bot.networks.x.prices import Counter
from bot.settings import BotSettings

Check = Callable[[], list[Finding]]


def open_network(network: str, settings: BotSettings, counter: Counter, clock: Clock) -> tuple[Frontend, Check]:
    """The frontend of ``network`` and its check. Raises ``CredentialsError``, or ``KeyError`` for an unknown name."""
    return NETWORKS[network](settings, counter, clock)


def _open_x(settings: BotSettings, counter: Counter, clock: Clock) -> tuple[Frontend, Check]:
    from bot.networks.x.check import budget_finding, check_x
    from bot.networks.x.client import XFrontend

    frontend = XFrontend(settings, counter, clock, random.Random())
    return frontend, lambda: [*check_x(frontend), budget_finding(frontend)]


def _open_mastodon(settings: BotSettings, _: Counter, clock: Clock) -> tuple[Frontend, Check]:
    from bot.networks.mastodon.check import check_mastodon
    from bot.networks.mastodon.client import MastodonFrontend

    frontend = MastodonFrontend(settings, clock)
    return frontend, lambda: check_mastodon(frontend)


def _open_matrix(settings: BotSettings, _: Counter, clock: Clock) -> tuple[Frontend, Check]:
    from bot.networks.matrix.check import check_matrix
    from bot.networks.matrix.client import MatrixFrontend

    frontend = MatrixFrontend(settings, clock)
    return frontend, lambda: check_matrix(frontend)


def _open_console(_: BotSettings, __: Counter, clock: Clock) -> tuple[Frontend, Check]:
    from bot.networks.console import ConsoleFrontend

    return ConsoleFrontend(clock), lambda: [Finding("terminal", good=True, text="nothing to sign in to")]


NETWORKS: dict[str, Callable[[BotSettings, Counter, Clock], tuple[Frontend, Check]]] = {
    "x": _open_x,
    "mastodon": _open_mastodon,
    "matrix": _open_matrix,
    "console": _open_console,
}
