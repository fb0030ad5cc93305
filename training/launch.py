"""``riffbird train --processes N``: run the command in N processes on this machine, through torchrun.

The process is replaced by torchrun, so that ending it ends all of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from midi_data.process import usable_cores


def become_processes(module: str, arguments: Sequence[str], processes: int) -> NoReturn:
    """Replace this process by torchrun with ``processes`` of ``python -m module arguments``."""
    environment = dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // processes)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    os.execve(sys.executable, [*command, "-m", module, *arguments], environment)  # noqa: S606  our own command


def without(arguments: Sequence[str], option: str) -> list[str]:
    """``arguments`` without ``option`` and its value."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument != option and not argument.startswith(f"{option}="):
            kept.append(argument)
        skip = not skip and argument == option
    return kept
