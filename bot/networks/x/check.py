"""Whether these X keys can do what the bot does: whose they are, what they may, how the clock stands. Posts nothing."""

from __future__ import annotations

from typing import Any

import requests

from bot.networks.checks import Finding, clock_finding, tried
from bot.networks.protocol import FrontendError
from bot.networks.x.client import XFrontend
from bot.networks.x.limits import x_errors

KEYS_ADVICE = "Copy all four keys again from the app's page, or make new ones there (docs/bots.md, X, step 3)"
WRITE_ADVICE = "Set the app's permissions to 'Read and write and Direct message', then make new access tokens"
SCOPES = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
MESSAGE_SCOPES = ("dm.read", "dm.write")


def check_x(frontend: XFrontend) -> list[Finding]:
    """All findings, the first reason first."""
    heard: dict[str, str] = {}

    def listen(response: requests.Response, **_: Any) -> None:
        heard.update({name.lower(): value for name, value in response.headers.items()})

    frontend.client.session.hooks["response"].append(listen)
    account = tried("account", lambda: f"signed in as @{frontend.open()}", KEYS_ADVICE)
    findings = [account, clock_finding(heard.get("date"), frontend.clock.now())]
    if not account.good:
        return findings
    findings += [_scopes(frontend)] if frontend.client.tokens is not None else [_access_level(heard)]
    findings.append(tried("posting", lambda: _may_post(frontend), WRITE_ADVICE))
    if frontend.limits.messages_pause_seconds is not None:
        advice = f"{WRITE_ADVICE}; or turn messages off: RIFFBIRD_X_MESSAGES=false"
        findings.append(tried("messages", lambda: _may_read_messages(frontend), advice))
    return findings


def _access_level(heard: dict[str, str]) -> Finding:
    level = heard.get("x-access-level", "")
    if not level:
        return Finding("permissions", good=True, text="X does not tell; see the next lines")
    good = "write" in level and "directmessages" in level
    return Finding("permissions", good=good, text=level if good else f"the app may only {level}. {WRITE_ADVICE}")


def _scopes(frontend: XFrontend) -> Finding:
    assert frontend.client.tokens is not None  # noqa: S101  for the type checker
    wanted = SCOPES + (MESSAGE_SCOPES if frontend.limits.messages_pause_seconds is not None else ())
    granted = frontend.client.tokens.scopes.split()
    missing = [scope for scope in wanted if scope not in granted]
    text = f"the token lacks {', '.join(missing)}: authorise the app again with them" if missing else ", ".join(granted)
    return Finding("scopes", good=not missing, text=text)


def _may_post(frontend: XFrontend) -> str:
    """An upload is begun and left: invisible, and refused to keys that may only read."""
    frontend.uploader.probe()
    return "these keys may upload and post"


def _may_read_messages(frontend: XFrontend) -> str:
    with x_errors(frontend.clock):
        frontend.client.get_direct_message_events(max_results=1, user_auth=True)
    frontend.purse.pay("message read")
    return "these keys may read direct messages"


def budget_finding(frontend: XFrontend) -> Finding:
    """What the day may still cost."""
    now = frontend.clock.now()
    try:
        frontend.purse.require("reply")
    except FrontendError as error:
        return Finding("budget", good=False, text=str(error))
    spent, daily = frontend.purse.counter.spent_dollars(now), frontend.purse.daily_dollars
    return Finding("budget", good=True, text=f"${spent:.3f} of ${daily:.2f} spent today (UTC)")
