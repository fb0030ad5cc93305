"""A bot process that kills itself with SIGKILL at one crash point: ``python -m tests.bot.fakes.killed_bot JSON``."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from bot.intake import CrashPoint
from bot.networks.retry import SystemClock
from bot.networks.x.client import XNetwork
from bot.run import make_bot, open_reply_store
from tests.bot.fakes.harness import SECRETS, bot_settings
from tests.waiting import wait_for
from worker.client import COMPOSE_QUEUE, connect
from worker.settings import Settings
from worker.worker_process import WarmWorker

MAX_TURNS = 300


def main(orders: dict[str, Any]) -> None:
    """Turn and compose until the point is reached; exit status 3 if it never is."""
    queues = connect(
        Settings(redis_url=orders["redis"], data_dir=Path(orders["folder"]), performer=orders["performer"])
    )
    settings = bot_settings(
        x_api_origin=orders["x"], bot_lease_seconds=60, bot_song_threads=4, bot_poll_seconds=0.05,
        data_dir=orders["folder"], **SECRETS,
    )  # fmt: skip
    clock = SystemClock()

    def crash_hook(point: CrashPoint) -> None:
        if point == orders["point"]:
            os.kill(os.getpid(), signal.SIGKILL)

    reply_store = open_reply_store(queues, "x")
    network = XNetwork(settings, reply_store, clock, random.Random(1))
    bot = make_bot(
        network, reply_store, queues, settings, clock=clock, generator=random.Random(1),
        scratch=queues.settings.data_dir, crash_hook=crash_hook,
    )  # fmt: skip
    bot.open()
    for _ in range(MAX_TURNS):
        bot.turn()
        wait_for(lambda: not bot.pool._running)  # a song whose worker is killed with the bot would be left abandoned
        if queues.depth(COMPOSE_QUEUE):
            WarmWorker(queues).work(burst=True, logging_level=None)
        clock.sleep(0.02)
    sys.exit(3)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
