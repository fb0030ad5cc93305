"""What one outside file may cost. Figures, and how a process puts itself under them.

Time is the process' own (processor) time, so that the same file has the same fate on a busy machine; the wall clock is
only the backstop for a process that sleeps.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

FILE_SECONDS = 5.0
"""Processor seconds for reading and converting one file."""
SILENT_SECONDS = 120.0
"""Wall seconds after which a process that says nothing is given up."""
STARTING_SECONDS = 300.0
CONVERTER_BYTES = 192 * 2**20
"""What a converter may take on top of what Python and its libraries hold."""
READER_BYTES = 128 * 2**20
MAX_PROCESSES = 3
"""Converters: with the reader and the parent they stay below 1 GB in all."""
TEMPO_LIMIT = 20_000
"""Tempo changes a file may have: a live recording has some thousands."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one converting process holds itself to: processor ``seconds`` a file, ``more_bytes`` of memory."""

    seconds: float = FILE_SECONDS
    more_bytes: int = CONVERTER_BYTES


def limit_memory(more_bytes: int) -> None:
    """From here on this process may take ``more_bytes`` more, leave no core and write no file.

    Where the system cannot limit address space (macOS, Windows), the limits on file sizes and notes remain.
    """
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def start_clock(seconds: float) -> None:
    """The kernel ends this process once it has worked for ``seconds`` more; native code cannot put that off."""
    if sys.platform != "win32":
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)


def stop_clock() -> None:
    """The file is done; the process may wait for the next one as long as it likes."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, 0)
