"""Ties a child's life to its parent's: ``python -m worker.parent_death COMMAND…`` runs COMMAND, which ends when we end.

An embedded server or a worker must not outlive the service that started it, not even after a kill −9. Linux does it
with PR_SET_PDEATHSIG (prctl(2)); elsewhere the command simply runs, and the next start cleans up. Knows no command.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tethered(command: list[str]) -> list[str]:
    """``command`` wrapped so that it gets SIGTERM when the thread that started it ends."""
    return [sys.executable, "-m", "worker.parent_death", str(os.getpid()), *command]


def tie_to_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM at the parent's end; end at once if it ended before we could ask."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)


def main() -> None:
    """Tie this process, then become the command: the tie survives exec (execve(2) keeps it for ordinary programs)."""
    parent, *command = sys.argv[1:]
    tie_to_parent(int(parent))
    os.execv(command[0], command)  # noqa: S606  the command comes from our own code, no shell is wanted


if __name__ == "__main__":
    main()
