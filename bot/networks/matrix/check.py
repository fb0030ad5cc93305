"""Whether a Matrix token can do what the bot does. Sends nothing."""

from __future__ import annotations

from bot.networks.checks import Finding, media_finding, tried
from bot.networks.matrix.client import MatrixFrontend

ADVICE = "Log in again as the bot and copy its access token (docs/bots.md, Matrix, step 2)"


def check_matrix(frontend: MatrixFrontend) -> list[Finding]:
    """All findings, the first reason first."""
    account = tried("account", lambda: f"signed in as {frontend.open()}", ADVICE)
    if not account.good:
        return [account]
    return [
        account,
        tried("reading", lambda: _may_read(frontend), ADVICE),
        media_finding(frontend.media),
    ]


def _may_read(frontend: MatrixFrontend) -> str:
    rooms = frontend.rooms()
    return f"in {rooms} rooms" if rooms else "in no room yet: invite the bot"
