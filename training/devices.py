"""Where a training runs and in which precision: CUDA when it is there, else the CPU, bf16 where the chip has it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch

from training.config import Precision
from training.errors import TrainingError

DeviceName = Literal["auto", "cpu", "cuda"]
CPU_FACTS = Path("/proc/cpuinfo")


def pick_device(name: DeviceName) -> torch.device:
    """The device called ``name``. Raises ``TrainingError`` when CUDA is asked for and not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("--device cuda: torch finds no CUDA device here")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def precision(device: torch.device, wanted: Precision = "auto") -> AbstractContextManager[Any]:
    """Mixed precision in bf16, or full precision; ``auto`` mixes where the chip has bf16 arithmetic."""
    if in_bf16(device, wanted):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def in_bf16(device: torch.device, wanted: Precision = "auto") -> bool:
    """Whether ``precision`` mixes. Raises ``TrainingError`` when bf16 is asked for and the chip lacks it."""
    if wanted == "fp32":
        return False
    has = _gpu_has_bf16(device) if device.type == "cuda" else _cpu_has_bf16(CPU_FACTS)
    if wanted == "bf16" and not has:
        raise TrainingError(f"precision = bf16: this {device.type} has no bf16 arithmetic; take auto or fp32")
    return has


@cache
def _gpu_has_bf16(device: torch.device) -> bool:
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


@cache
def _cpu_has_bf16(facts: Path) -> bool:
    # Without the instructions bf16 is emulated and slower than fp32.
    try:
        return "bf16" in facts.read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
