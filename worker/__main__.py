"""``python -m worker QUEUE``: one worker process, set by its environment. Started by the supervisor."""

from __future__ import annotations

import sys

from worker.logs import configure_logging
from worker.processes import run_worker
from worker.queues import COMPOSE_QUEUE
from worker.settings import Settings


def main() -> None:
    """Work until told to stop."""
    settings = Settings()
    configure_logging(settings.log_level)
    run_worker(settings, sys.argv[1] if len(sys.argv) > 1 else COMPOSE_QUEUE)


if __name__ == "__main__":
    main()
