"""Where a training runs and in which precision: CUDA when it is there, else the CPU, bf16 where the chip has it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch

from training.errors import TrainingError

DeviceName = Literal["auto", "cpu", "cuda"]


def pick_device(name: DeviceName) -> torch.device:
    """The device called ``name``. Raises ``TrainingError`` when CUDA is asked for and not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("--device cuda: torch finds no CUDA device here")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def precision(device: torch.device) -> AbstractContextManager[Any]:
    """Mixed precision in bf16 on CUDA and on CPUs with bf16 arithmetic; full precision elsewhere."""
    if device.type == "cuda" or _cpu_has_bf16():
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


@cache
def _cpu_has_bf16() -> bool:
    # Without the instructions bf16 is emulated and slower than fp32.
    try:
        return "bf16" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
