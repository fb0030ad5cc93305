"""Data-parallel training: several processes train one network on the rows of one batch.

torchrun (or ``riffbird train --processes``) sets rank and world size in the environment; ``joined`` reads them.
Gradients are summed in one exchange an update instead of by ``DistributedDataParallel``: the network is so small that
overlapping the exchange with the backward pass gains nothing, and the order of summation stays the same when a training
is resumed, with any number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from midi_data.process import set_parent_death_signal
from training.devices import DeviceName, pick_device
from training.errors import TrainingError

EXCHANGE_TIMEOUT = timedelta(hours=2)
"""The other processes wait while the first one validates and saves."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Place of this process in its group: ``rank`` of ``count``, computing on ``device``."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process validates, saves and reports."""
        return self.rank == 0

    def own(self, rows: int) -> slice:
        """The part of the batch ``rows`` of this process. Raises ``TrainingError`` for fewer rows than processes."""
        if rows < self.count:
            raise TrainingError(f"batch_size is at least {self.count}, one row a process, not {rows}")
        return split_rows(rows, self.rank, self.count)

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, the same bits in each of them. May change ``tensor``."""
        if self.count == 1:
            return tensor
        on_device = tensor.to(self.device).contiguous()
        dist.all_reduce(on_device)
        return on_device.to(tensor.device)

    def from_first(self, *values: float) -> tuple[float, ...]:
        """The first process's values, in every process: clocks differ, decisions must not."""
        if self.count == 1:
            return values
        mine = values if self.first else (0.0,) * len(values)
        return tuple(self.total(torch.tensor(mine, dtype=torch.float64)).tolist())

    def all_rows(self, tensor: Tensor, rows: int) -> Tensor:
        """(1, own rows, H) of each process as (1, ``rows``, H)."""
        if self.count == 1:
            return tensor
        joint = tensor.new_zeros(tensor.shape[0], rows, *tensor.shape[2:])
        joint[:, self.own(rows)] = tensor
        return self.total(joint)

    def every(self, tensor: Tensor) -> list[Tensor]:
        """Each process's ``tensor`` (all of one shape), by rank."""
        stacked = tensor.new_zeros(self.count, *tensor.shape)
        stacked[self.rank] = tensor
        return list(self.total(stacked))

    def seed(self, seed: int, update: int = 0) -> int:
        """A seed of this process, derived from ``seed``."""
        return int(np.random.SeedSequence([seed, self.rank, update]).generate_state(1)[0])


def split_rows(rows: int, index: int, count: int) -> slice:
    """Group ``index`` of ``count`` nearly equal groups of ``rows``."""
    return slice(rows * index // count, rows * (index + 1) // count)


def average_gradients(parameters: list[torch.nn.Parameter], notes: int, all_notes: int, ranks: Ranks) -> None:
    """Turn gradients of the mean over this process's ``notes`` into those of the mean over ``all_notes``."""
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if ranks.count == 1 or not grads:
        return
    flat = torch.cat([grad.reshape(-1) for grad in grads]).mul_(notes / all_notes)
    for grad, summed in zip(grads, torch.split(ranks.total(flat), [grad.numel() for grad in grads]), strict=True):
        grad.copy_(summed.view_as(grad))


def is_first_process() -> bool:
    """Whether this is the first process, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def joined(name: DeviceName) -> Iterator[Ranks]:
    """Join the process group of torchrun's environment; one process without it.

    CPUs exchange through gloo, GPUs (one a process) through nccl. Raises ``TrainingError`` when there is no GPU for
    this process.
    """
    device = pick_device(name)
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks(device)
        return
    local = int(os.environ.get("LOCAL_RANK", os.environ["RANK"]))
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise TrainingError(f"--device cuda: one GPU a process, here are {torch.cuda.device_count()}")
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    # A killed launcher must leave no process that writes into the folder of the next training.
    set_parent_death_signal(os.getppid())
    _import_before_joining()
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=EXCHANGE_TIMEOUT)
    try:
        yield Ranks(device, int(os.environ["RANK"]), count)
    finally:
        dist.destroy_process_group()


def _import_before_joining() -> None:
    """Import modules that optimizers import lazily and whose default arguments would keep the process group.

    Its threads would then survive ``destroy_process_group`` and sometimes abort the process at exit.
    """
    import_module("torch._dynamo")
    import_module("torch.distributed.fsdp")
