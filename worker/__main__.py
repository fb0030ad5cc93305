"""``python -m worker QUEUE``: one worker process, configured by its environment. The supervisor starts it.

``python -m worker composing``: the composing process of ``worker.composing``.
"""

from __future__ import annotations

import logging
import sys

from worker.errors import QUEUE_UNAVAILABLE
from worker.monitoring.logs import configure_logging
from worker.queue.names import COMPOSE_QUEUE, COMPOSING
from worker.settings import Settings
from worker.worker_process import run_worker


def main() -> None:
    """Work until stopped."""
    settings = Settings()
    configure_logging(settings.log_level)
    try:
        program = sys.argv[1] if len(sys.argv) > 1 else COMPOSE_QUEUE
        if program == COMPOSING:
            from worker.composing import run_composing

            run_composing(settings)
        else:
            run_worker(settings, program)
    except QUEUE_UNAVAILABLE as error:
        # The supervisor starts us again, so server and workers may start in any order.
        logging.getLogger(__name__).error("the Redis server is unavailable: %s", error)  # noqa: TRY400  one line
        sys.exit(1)


if __name__ == "__main__":
    main()
