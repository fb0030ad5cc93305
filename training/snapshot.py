"""The whole state of a training on disk, so that it resumes as if it had never stopped: safetensors and JSON."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Tensors by name and JSON facts of a moment between two updates."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Write whole or not at all: the old snapshot stays until the new one is complete."""
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    save_file(
        {name: tensor.contiguous().cpu().clone() for name, tensor in snapshot.tensors.items()},
        temporary / "tensors.safetensors",
    )
    (temporary / "facts.json").write_text(json.dumps(snapshot.facts), encoding="utf-8")
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    temporary.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_snapshot(folder: Path) -> Snapshot:
    """Read a snapshot; the old one where a crash fell between two renames. Raises ``TrainingError`` without any."""
    for each in (folder, folder.with_name(f".{folder.name}.old")):
        if (each / "facts.json").exists():
            return Snapshot(load_file(each / "tensors.safetensors"), json.loads((each / "facts.json").read_text()))
    raise TrainingError(f"{folder}: nothing to resume from")


def optimizer_tensors(optimizer: torch.optim.Optimizer, named: dict[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    """Adam's moments by parameter name."""
    return {
        f"optimizer.{name}.{key}": value
        for name, parameter in named.items()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, named: dict[str, torch.nn.Parameter], tensors: dict[str, Tensor]
) -> None:
    """The inverse of ``optimizer_tensors``."""
    for name, parameter in named.items():
        prefix = f"optimizer.{name}."
        kept = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
        # Adam's step counter lives on the CPU unless the fused kernel wants it beside the weights.
        optimizer.state[parameter] = {k: v.to(parameter.device) if v.ndim else v for k, v in kept.items()}
