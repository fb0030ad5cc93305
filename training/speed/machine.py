"""Facts of the machine: processor, load, versions, and memory bandwidth of one thread."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from midi_data.process import usable_cores
from training.speed.figures import Figure, rate, times

READ_BYTES = 256 * 2**20
"""Larger than any cache."""
LIBRARIES = ("numpy", "scipy", "onnxruntime", "av", "torch", "transformers")


def describe() -> dict[str, Any]:
    """Processor, cores, load average, versions; JSON-ready."""
    return {
        "cpu": _processor(),
        "cores": usable_cores(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def reading(runs: int, size: int = READ_BYTES) -> Figure:
    """Gigabytes a second that one thread reads: a dot product over ``size`` bytes."""
    block = np.ones(size // 4, dtype=np.float32)
    with threadpool_limits(1, user_api="blas"):
        seconds = times(lambda: block.dot(block), runs)
    return rate("reading", "one thread reads memory", "GB/s", block.nbytes / 1e9, seconds, f"{size >> 20} MB, in order")
