"""Snapshots: the whole state of a training on disk (safetensors and JSON), from which it resumes bit-exactly."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.distributed import Ranks
from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Tensors by name and JSON facts of a moment between two updates."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Write atomically: the old snapshot stays until the new one is complete."""
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
    """Read a snapshot; after a crash between the two renames, the old one. Raises ``TrainingError`` without any."""
    for each in (folder, folder.with_name(f".{folder.name}.old")):
        if (each / "facts.json").exists():
            return Snapshot(load_file(each / "tensors.safetensors"), json.loads((each / "facts.json").read_text()))
    raise TrainingError(f"{folder}: no snapshot to resume from")


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
        # Adam's step counter stays on the CPU unless the fused kernel wants it beside the weights.
        optimizer.state[parameter] = {k: v.to(parameter.device) if v.ndim else v for k, v in kept.items()}


def random_tensors(device: torch.device, ranks: Ranks) -> dict[str, Tensor]:
    """The state of each process's random number generators."""
    kinds = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        kinds["cuda"] = torch.cuda.get_rng_state(device)
    return {f"random.{kind}.{rank}": each for kind, own in kinds.items() for rank, each in enumerate(ranks.every(own))}


def restore_random(tensors: dict[str, Tensor], device: torch.device, ranks: Ranks, new_seed: int) -> None:
    """The inverse of ``random_tensors``; a process that the snapshot does not know is seeded with ``new_seed``."""
    own = tensors.get(f"random.cpu.{ranks.rank}")
    if own is None:
        torch.manual_seed(new_seed)
        return
    torch.set_rng_state(own)
    on_gpu = tensors.get(f"random.cuda.{ranks.rank}")
    if on_gpu is not None and device.type == "cuda":
        torch.cuda.set_rng_state(on_gpu, device)
