"""Checks X keys: account, permissions, clock, budget. Posts nothing."""

from __future__ import annotations

from typing import Any

import requests

from bot.networks.checks import CheckResult, check_call, clock_result
from bot.networks.protocol import NetworkError
from bot.networks.x.client import XNetwork
from bot.networks.x.limits import x_errors

KEYS_ADVICE = "Copy all four keys again from the app's page, or make new ones there (docs/bots.md, X, step 3)"
WRITE_ADVICE = "Set the app's permissions to 'Read and write and Direct message', then make new access tokens"
SCOPES = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
MESSAGE_SCOPES = ("dm.read", "dm.write")


def check_x(network: XNetwork) -> list[CheckResult]:
    """All results, in the order in which problems are to be fixed."""
    headers: dict[str, str] = {}

    def listen(response: requests.Response, **_: Any) -> None:
        headers.update({name.lower(): value for name, value in response.headers.items()})

    network.client.session.hooks["response"].append(listen)
    account = check_call("account", lambda: f"signed in as @{network.open()}", KEYS_ADVICE)
    results = [account, clock_result(headers.get("date"), network.clock.now())]
    if not account.good:
        return results
    results += [_scopes(network)] if network.client.tokens is not None else [_access_level(headers)]
    results.append(check_call("posting", lambda: _may_post(network), WRITE_ADVICE))
    if network.limits.messages_pause_seconds is not None:
        advice = f"{WRITE_ADVICE}; or turn messages off: RIFFBIRD_X_MESSAGES=false"
        results.append(check_call("messages", lambda: _may_read_messages(network), advice))
    return results


def _access_level(headers: dict[str, str]) -> CheckResult:
    level = headers.get("x-access-level", "")
    if not level:
        return CheckResult("permissions", good=True, text="X does not say; see the next lines")
    good = "write" in level and "directmessages" in level
    return CheckResult("permissions", good=good, text=level if good else f"the app may only {level}. {WRITE_ADVICE}")


def _scopes(network: XNetwork) -> CheckResult:
    assert network.client.tokens is not None  # noqa: S101  for the type checker
    wanted = SCOPES + (MESSAGE_SCOPES if network.limits.messages_pause_seconds is not None else ())
    granted = network.client.tokens.scopes.split()
    missing = [scope for scope in wanted if scope not in granted]
    text = f"the token lacks {', '.join(missing)}: authorise the app again with them" if missing else ", ".join(granted)
    return CheckResult("scopes", good=not missing, text=text)


def _may_post(network: XNetwork) -> str:
    """Begins an upload and leaves it: invisible, and refused to read-only keys."""
    network.uploader.probe()
    return "these keys may upload and post"


def _may_read_messages(network: XNetwork) -> str:
    with x_errors(network.clock):
        network.client.get_direct_message_events(max_results=1, user_auth=True)
    network.budget.pay("message read")
    return "these keys may read direct messages"


def budget_result(network: XNetwork) -> CheckResult:
    """What is left of today's budget."""
    now = network.clock.now()
    try:
        network.budget.require("reply")
    except NetworkError as error:
        return CheckResult("budget", good=False, text=str(error))
    spent, daily = network.budget.counter.spent_dollars(now), network.budget.daily_dollars
    return CheckResult("budget", good=True, text=f"${spent:.3f} of ${daily:.2f} spent today (UTC)")
