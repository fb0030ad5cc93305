"""The networks by name: how each is opened and checked. Loads a network's library only when it is asked for."""

from __future__ import annotations

import random
from collections.abc import Callable

from bot.bot_settings import BotSettings
from bot.frontends.findings import Finding
from bot.frontends.patience import Clock
from bot.frontends.protocol import Frontend
from bot.frontends.x_prices import Counter

Check = Callable[[], list[Finding]]


def open_network(network: str, settings: BotSettings, counter: Counter, clock: Clock) -> tuple[Frontend, Check]:
    """The frontend of ``network`` and its check. Raises ``CredentialsError``, or ``KeyError`` for an unknown name."""
    return NETWORKS[network](settings, counter, clock)


def _open_x(settings: BotSettings, counter: Counter, clock: Clock) -> tuple[Frontend, Check]:
    from bot.frontends.x import XFrontend
    from bot.frontends.x_check import budget_finding, check_x

    frontend = XFrontend(settings, counter, clock, random.Random())
    return frontend, lambda: [*check_x(frontend), budget_finding(frontend)]


def _open_mastodon(settings: BotSettings, _: Counter, clock: Clock) -> tuple[Frontend, Check]:
    from bot.frontends.mastodon import MastodonFrontend
    from bot.frontends.mastodon_check import check_mastodon

    frontend = MastodonFrontend(settings, clock)
    return frontend, lambda: check_mastodon(frontend)


def _open_matrix(settings: BotSettings, _: Counter, clock: Clock) -> tuple[Frontend, Check]:
    from bot.frontends.matrix import MatrixFrontend
    from bot.frontends.matrix_check import check_matrix

    frontend = MatrixFrontend(settings, clock)
    return frontend, lambda: check_matrix(frontend)


def _open_console(_: BotSettings, __: Counter, clock: Clock) -> tuple[Frontend, Check]:
    from bot.frontends.console import ConsoleFrontend

    return ConsoleFrontend(clock), lambda: [Finding("terminal", good=True, text="nothing to sign in to")]


NETWORKS: dict[str, Callable[[BotSettings, Counter, Clock], tuple[Frontend, Check]]] = {
    "x": _open_x,
    "mastodon": _open_mastodon,
    "matrix": _open_matrix,
    "console": _open_console,
}
