"""Checks a Matrix token: account, rooms, upload limit. Sends nothing."""

from __future__ import annotations

from bot.networks.checks import CheckResult, check_call, media_result
from bot.networks.matrix.client import MatrixNetwork

ADVICE = "Log in again as the bot and copy its access token (docs/bots.md, Matrix, step 2)"


def check_matrix(network: MatrixNetwork) -> list[CheckResult]:
    """All results, in the order in which problems are to be fixed."""
    account = check_call("account", lambda: f"signed in as {network.open()}", ADVICE)
    if not account.good:
        return [account]
    return [
        account,
        check_call("reading", lambda: _may_read(network), ADVICE),
        media_result(network.media),
    ]


def _may_read(network: MatrixNetwork) -> str:
    rooms = network.rooms()
    return f"in {rooms} rooms" if rooms else "in no room yet: invite the bot"
