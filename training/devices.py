"""Device and precision of a training: CUDA where available, else the CPU; bf16 where the chip has it."""

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
    """The device called ``name``. Raises ``TrainingError`` when CUDA is requested and missing."""
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("--device cuda: torch finds no CUDA device here")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def autocast(device: torch.device, precision: Precision = "auto") -> AbstractContextManager[Any]:
    """Mixed precision in bf16 if ``uses_bf16``, else full precision."""
    if uses_bf16(device, precision):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def uses_bf16(device: torch.device, precision: Precision = "auto") -> bool:
    """Whether ``precision`` means bf16 on ``device``. Raises ``TrainingError`` for bf16 on a chip without it."""
    if precision == "fp32":
        return False
    available = _gpu_has_bf16(device) if device.type == "cuda" else _cpu_has_bf16(CPU_FACTS)
    if precision == "bf16" and not available:
        raise TrainingError(f"precision = bf16: this {device.type} has no bf16 arithmetic; take auto or fp32")
    return available


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
