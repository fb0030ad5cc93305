"""The networks by name: how each is opened and checked. A network's library is imported only when it is used."""

from __future__ import annotations

import random
from collections.abc import Callable

from bot.networks.checks import CheckResult
from bot.networks.protocol import Network
from bot.networks.retry import Clock
from bot.networks.x.prices import SpendCounter
from bot.settings import BotSettings

Check = Callable[[], list[CheckResult]]


def open_network(network: str, settings: BotSettings, counter: SpendCounter, clock: Clock) -> tuple[Network, Check]:
    """The network of ``network`` and its check. Raises ``CredentialsError``, or ``KeyError`` for an unknown name."""
    return NETWORKS[network](settings, counter, clock)


def _open_x(settings: BotSettings, counter: SpendCounter, clock: Clock) -> tuple[Network, Check]:
    from bot.networks.x.check import budget_result, check_x
    from bot.networks.x.client import XNetwork

    network = XNetwork(settings, counter, clock, random.Random())
    return network, lambda: [*check_x(network), budget_result(network)]


def _open_mastodon(settings: BotSettings, _: SpendCounter, clock: Clock) -> tuple[Network, Check]:
    from bot.networks.mastodon.check import check_mastodon
    from bot.networks.mastodon.client import MastodonNetwork

    network = MastodonNetwork(settings, clock)
    return network, lambda: check_mastodon(network)


def _open_matrix(settings: BotSettings, _: SpendCounter, clock: Clock) -> tuple[Network, Check]:
    from bot.networks.matrix.check import check_matrix
    from bot.networks.matrix.client import MatrixNetwork

    network = MatrixNetwork(settings, clock)
    return network, lambda: check_matrix(network)


def _open_bluesky(settings: BotSettings, _: SpendCounter, clock: Clock) -> tuple[Network, Check]:
    from bot.networks.bluesky.check import check_bluesky
    from bot.networks.bluesky.client import BlueskyNetwork

    network = BlueskyNetwork(settings, clock)
    return network, lambda: check_bluesky(network)


def _open_console(_: BotSettings, __: SpendCounter, clock: Clock) -> tuple[Network, Check]:
    from bot.networks.console import ConsoleNetwork

    return ConsoleNetwork(clock), lambda: [CheckResult("terminal", good=True, text="nothing to sign in to")]


NETWORKS: dict[str, Callable[[BotSettings, SpendCounter, Clock], tuple[Network, Check]]] = {
    "x": _open_x,
    "mastodon": _open_mastodon,
    "matrix": _open_matrix,
    "bluesky": _open_bluesky,
    "console": _open_console,
}
