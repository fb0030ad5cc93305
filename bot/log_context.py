"""The id that joins a mention's log lines, from reading it to the reply: the id of its song's job."""

from __future__ import annotations

from bot.networks.protocol import Mention, job_id


def log_id(mention: Mention) -> dict[str, str]:
    """The ``extra`` of a log call about ``mention``."""
    return {"job_id": job_id(mention.network, mention.interaction)}
