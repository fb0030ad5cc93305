"""``python -m worker QUEUE``: one worker process, set by its environment. Started by the supervisor."""

from __future__ import annotations

import logging
import sys

from worker.client import COMPOSE_QUEUE, QUEUE_UNAVAILABLE
from worker.logs import configure_logging
from worker.settings import Settings
from worker.worker_process import run_worker


def main() -> None:
    """Work until told to stop."""
    settings = Settings()
    configure_logging(settings.log_level)
    try:
        run_worker(settings, sys.argv[1] if len(sys.argv) > 1 else COMPOSE_QUEUE)
    except QUEUE_UNAVAILABLE as gone:
        # The supervisor starts us again: whoever starts the server and us need not wait for it.
        logging.getLogger(__name__).error("the server cannot be reached: %s", gone)  # noqa: TRY400  one line says it all
        sys.exit(1)


if __name__ == "__main__":
    main()
