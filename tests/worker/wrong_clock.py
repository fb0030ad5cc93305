"""``python -c "import tests.worker.wrong_clock"``: a worker and its heartbeat process, ``CLOCK_DAYS`` days off.

The wall clock alone is shifted, in Python: ``time.time`` and ``datetime.now``.
"""

import datetime as dt
import os
import subprocess
import sys
import time
from typing import Any

SHIFT_SECONDS = float(os.environ["CLOCK_DAYS"]) * 86400
_real_time = time.time
_real_popen = subprocess.Popen.__init__


class Shifted(dt.datetime):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
        return dt.datetime.fromtimestamp(_real_time() + SHIFT_SECONDS, tz)


def _popen(self: Any, command: list[str], *rest: Any, **options: Any) -> None:
    """The heartbeat process has the same wrong clock."""
    if command[1:3] == ["-m", "worker.monitoring.heartbeat"]:
        code = "import sys; import tests.worker.wrong_clock as clock; clock.run('worker.monitoring.heartbeat')"
        command = [sys.executable, "-c", code, *command[3:]]
    _real_popen(self, command, *rest, **options)


def run(module: str) -> None:
    import runpy

    runpy.run_module(module, run_name="__main__", alter_sys=True)


time.time = lambda: _real_time() + SHIFT_SECONDS
dt.datetime = Shifted  # type: ignore[misc]
subprocess.Popen.__init__ = _popen  # type: ignore[method-assign]

if sys.argv[0] == "-c" and len(sys.argv) == 1:
    run("worker")
