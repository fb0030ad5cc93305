"""The id that joins a mention's log lines, from reading it to the reply: the id of its song's job."""

from __future__ import annotations

from bot.networks.protocol import Mention, job_id
from bot.state.owed_reply import OwedReply


def log_id(owed: OwedReply) -> dict[str, str]:
    """The ``extra`` of a log call about ``owed``."""
    return {"job_id": owed.job or job_id(owed.mention.network, owed.interaction)}


def ignored_id(mention: Mention) -> dict[str, str]:
    """The ``extra`` of a log call about a mention that is owed nothing."""
    return {"job_id": job_id(mention.network, mention.interaction)}
