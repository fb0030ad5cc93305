"""Whether a Mastodon token can do what the bot does. Posts nothing."""

from __future__ import annotations

from bot.networks.checks import Finding, media_finding, tried
from bot.networks.mastodon.client import MastodonFrontend

ADVICE = "Make a new application in the account's settings under Development, with the scopes read and write"


def check_mastodon(frontend: MastodonFrontend) -> list[Finding]:
    """All findings, the first reason first."""
    account = tried("account", lambda: f"signed in as @{frontend.open()}", ADVICE)
    if not account.good:
        return [account]
    return [
        account,
        tried("reading", lambda: _may_read(frontend), ADVICE),
        _scopes(frontend),
        _label(frontend),
        media_finding(frontend.media),
    ]


def _may_read(frontend: MastodonFrontend) -> str:
    frontend.mentions("0")
    return "the token may read mentions"


def _scopes(frontend: MastodonFrontend) -> Finding:
    granted = frontend.scopes()
    if not granted:
        return Finding("scopes", good=True, text="the instance does not tell")
    good = "write" in granted or {"write:statuses", "write:media"} <= granted
    text = ", ".join(sorted(granted))
    return Finding("scopes", good=good, text=text if good else f"{text}: write is missing. {ADVICE}")


def _label(frontend: MastodonFrontend) -> Finding:
    if frontend.is_labelled:
        return Finding("label", good=True, text="marked as automated")
    return Finding("label", good=False, text="tick 'This is an automated account' in the profile's settings")
