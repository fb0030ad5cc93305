"""Several processes train one network: who plays which lanes, and what all of them agree on.

torchrun (or ``riffbird train --processes``) says in the environment who is who; ``joined`` reads it. Gradients are
summed by hand, in one exchange an update: the network is small, so that hiding the exchange behind the backward pass
would gain nothing; the order of summation stays the same when a training is taken up again, for any number of
processes; and weights keep their names. Knows tensors; nothing of lanes' music or of checkpoints.
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

LONGEST_WAIT = timedelta(hours=2)
"""For the first process, which alone validates and saves."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """One of the processes that train together: ``rank`` of ``count``, computing on ``device``."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process validates, saves and speaks."""
        return self.rank == 0

    def own(self, lanes: int) -> slice:
        """Which of ``lanes`` this process plays. Raises ``TrainingError`` when there are too few for all."""
        if lanes < self.count:
            raise TrainingError(f"lanes is {self.count} at least, one a process, not {lanes}")
        return share(lanes, self.rank, self.count)

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, the same bits in each of them. May change ``tensor``."""
        if self.count == 1:
            return tensor
        there = tensor.to(self.device).contiguous()
        dist.all_reduce(there)
        return there.to(tensor.device)

    def from_first(self, *values: float) -> tuple[float, ...]:
        """The first process's numbers, in every process: clocks differ, decisions must not."""
        if self.count == 1:
            return values
        mine = values if self.first else (0.0,) * len(values)
        return tuple(self.total(torch.tensor(mine, dtype=torch.float64)).tolist())

    def of_all_lanes(self, tensor: Tensor, lanes: int) -> Tensor:
        """(1, own lanes, H) of each process as (1, ``lanes``, H)."""
        if self.count == 1:
            return tensor
        whole = tensor.new_zeros(tensor.shape[0], lanes, *tensor.shape[2:])
        whole[:, self.own(lanes)] = tensor
        return self.total(whole)

    def every(self, tensor: Tensor) -> list[Tensor]:
        """Each process's ``tensor`` (all of one shape), by rank."""
        stacked = tensor.new_zeros(self.count, *tensor.shape)
        stacked[self.rank] = tensor
        return list(self.total(stacked))

    def seed(self, seed: int, update: int = 0) -> int:
        """A seed of this process's own."""
        return int(np.random.SeedSequence([seed, self.rank, update]).generate_state(1)[0])


def share(lanes: int, index: int, count: int) -> slice:
    """The ``index``-th of ``count`` shares of ``lanes``, as equal as can be."""
    return slice(lanes * index // count, lanes * (index + 1) // count)


def average_gradients(parameters: list[torch.nn.Parameter], notes: int, all_notes: int, ranks: Ranks) -> None:
    """From gradients of this process's mean over ``notes`` to those of the mean over everybody's ``all_notes``."""
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if ranks.count == 1 or not grads:
        return
    flat = torch.cat([grad.reshape(-1) for grad in grads]).mul_(notes / all_notes)
    for grad, summed in zip(grads, torch.split(ranks.total(flat), [grad.numel() for grad in grads]), strict=True):
        grad.copy_(summed.view_as(grad))


def speaks() -> bool:
    """Whether this is the first process, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def joined(name: DeviceName) -> Iterator[Ranks]:
    """The process among its fellows, by torchrun's environment; alone where there is none.

    On CPUs they exchange through gloo, on GPUs (one a process) through nccl. Raises ``TrainingError`` when there is no
    GPU for this process.
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
    # A killed launcher leaves no process that writes into the next training's folder.
    set_parent_death_signal(os.getppid())
    _import_before_joining()
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    try:
        yield Ranks(device, int(os.environ["RANK"]), count)
    finally:
        dist.destroy_process_group()


def _import_before_joining() -> None:
    """Import what optimizers import as they are made, and whose default arguments keep the group of the moment.

    Its threads would live on after ``destroy_process_group``, and now and then end the process with an abort.
    """
    import_module("torch._dynamo")
    import_module("torch.distributed.fsdp")
