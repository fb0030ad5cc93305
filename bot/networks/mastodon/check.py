"""Checks a Mastodon token: account, scopes, label. Posts nothing."""

from __future__ import annotations

from bot.networks.checks import CheckResult, check_call, media_result
from bot.networks.mastodon.client import MastodonNetwork

ADVICE = "Make a new application in the account's settings under Development, with the scopes read and write"


def check_mastodon(network: MastodonNetwork) -> list[CheckResult]:
    """All results, in the order in which problems are to be fixed."""
    account = check_call("account", lambda: f"signed in as @{network.open()}", ADVICE)
    if not account.good:
        return [account]
    return [
        account,
        check_call("reading", lambda: _may_read(network), ADVICE),
        _scopes(network),
        _label(network),
        media_result(network.media),
    ]


def _may_read(network: MastodonNetwork) -> str:
    network.mentions("0")
    return "the token may read mentions"


def _scopes(network: MastodonNetwork) -> CheckResult:
    granted = network.scopes()
    if not granted:
        return CheckResult("scopes", good=True, text="the instance does not say")
    good = "write" in granted or {"write:statuses", "write:media"} <= granted
    text = ", ".join(sorted(granted))
    return CheckResult("scopes", good=good, text=text if good else f"{text}: write is missing. {ADVICE}")


def _label(network: MastodonNetwork) -> CheckResult:
    if network.is_labelled:
        return CheckResult("label", good=True, text="marked as automated")
    return CheckResult("label", good=False, text="tick 'This is an automated account' in the profile's settings")
