"""Processes: usable cores, the parent-death signal, and an environment without secrets.

``python -m midi_data.process PARENT_PID COMMAND…`` runs COMMAND, which gets SIGTERM when its parent ends, even after a
kill -9. Linux does it with PR_SET_PDEATHSIG (prctl(2)). On other systems the command runs without the signal.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys

PR_SET_PDEATHSIG = 1
PLAIN_VARIABLES = re.compile(
    r"(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TMP|TEMP|SHELL|TERM|LD_LIBRARY_PATH|VIRTUAL_ENV|SYSTEMROOT"
    r"|(PYTHON|XDG_|OMP_|OPENBLAS_|MKL_|KMP_|CUDA_|CUBLAS_|NVIDIA_|TORCH|COV_)\w*)"
)
"""Variables that programs need to run and that hold no secret."""


def usable_cores() -> int:
    """Cores that this process may run on, at most ``OMP_NUM_THREADS`` if that is set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(limit), cores) if limit.isdecimal() and int(limit) else cores


def with_parent_death_signal(command: list[str]) -> list[str]:
    """``command`` wrapped so that it gets SIGTERM when the *thread* that starts it ends (prctl(2))."""
    return [sys.executable, "-m", "midi_data.process", str(os.getpid()), *command]


def set_parent_death_signal(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send ``number`` to this process when ``parent`` ends; exit if it has ended already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def plain_environment() -> dict[str, str]:
    """The environment without tokens, passwords and settings: for a program that meets files of strangers."""
    return {name: value for name, value in os.environ.items() if PLAIN_VARIABLES.fullmatch(name)}


def main() -> None:
    """Set the signal, then become the command: execve(2) keeps the signal for ordinary programs."""
    parent, *command = sys.argv[1:]
    set_parent_death_signal(int(parent))
    os.execv(command[0], command)  # noqa: S606  the command comes from our own code, no shell is wanted


if __name__ == "__main__":
    main()
