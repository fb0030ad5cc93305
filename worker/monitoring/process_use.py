"""Memory and processor time of a process, from /proc (proc(5)); nothing on other systems."""

from __future__ import annotations

import os
from pathlib import Path

from redis import Redis

from worker.storage.stats import BOTS, ProcessUse, Stats

BOT_TTL_SECONDS = 120
"""A bot's loop turns every 30 s at least; one silent for this long hangs or has ended."""


def process_use(pid: int, role: str, name: str) -> ProcessUse | None:
    """What process ``pid`` uses now; ``None`` where /proc does not tell."""
    try:
        # Fields follow the command's name in parentheses, which may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    user, system, resident = int(fields[11]), int(fields[12]), int(fields[21])
    seconds = (user + system) / os.sysconf("SC_CLK_TCK")
    return ProcessUse(role, name, resident * os.sysconf("SC_PAGE_SIZE"), seconds)


def report_bot(connection: Redis, name: str) -> None:
    """Send a bot's heartbeat. Called from its main loop, so that a loop that hangs is noticed.

    ``name`` begins with the host's name.
    """
    stats = Stats(connection)
    stats.beat(name, BOT_TTL_SECONDS, BOTS)
    use = process_use(os.getpid(), "bot", name)
    if use is not None:
        stats.report(use, BOT_TTL_SECONDS)
