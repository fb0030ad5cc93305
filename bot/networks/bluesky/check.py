"""Checks a Bluesky app password: account, notifications. Posts nothing."""

from __future__ import annotations

from bot.networks.bluesky.client import BlueskyNetwork
from bot.networks.checks import CheckResult, check_call, media_result

ADVICE = "Make an app password under Settings, Privacy and security, App passwords (docs/bots.md, Bluesky, step 2)"


def check_bluesky(network: BlueskyNetwork) -> list[CheckResult]:
    """All results, in the order in which problems are to be fixed."""
    account = check_call("account", lambda: f"signed in as @{network.open()}", ADVICE)
    if not account.good:
        return [account]
    return [account, check_call("reading", lambda: _may_read(network), ADVICE), media_result(network.media)]


def _may_read(network: BlueskyNetwork) -> str:
    network.mentions(None, network.clock.now())
    return "the app password may read notifications"
