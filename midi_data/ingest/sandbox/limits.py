"""Limits on reading one untrusted file, and how a process sets them for itself.

Time is processor time, so that the result does not depend on the machine's load; the wall clock ends only processes
that hang.
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
"""Wall-clock seconds without an answer after which a process is killed."""
STARTING_SECONDS = 300.0
CONVERTER_BYTES = 192 * 2**20
"""Memory of a converter beyond that of Python and its libraries."""
READER_BYTES = 128 * 2**20
MAX_PROCESSES = 3
"""Most converters at once: with the reader and the parent they stay below 1 GB."""
TEMPO_LIMIT = 20_000
"""Most tempo changes of a file; a live recording has some thousands."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a converter: processor ``seconds`` a file, ``more_bytes`` of memory."""

    seconds: float = FILE_SECONDS
    more_bytes: int = CONVERTER_BYTES


def limit_memory(more_bytes: int) -> None:
    """Limit this process to ``more_bytes`` more memory, no core dump and no written file.

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
    """Have the kernel kill this process after ``seconds`` more of processor time, native code included."""
    if sys.platform != "win32":
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)


def stop_clock() -> None:
    """Cancel ``start_clock``."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, 0)
