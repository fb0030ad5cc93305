"""Recurrent state between two segments of truncated back-propagation through time.

A state is a (hidden, cell) pair of each layer, (1, R, H) each, with R a multiple of the batch size B: a layer may hold
several rows of each batch row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

State = tuple[tuple[Tensor, Tensor], ...]


def reset_state(state: State | None, resets: Tensor) -> State | None:
    """``state`` with zeros in the batch rows where ``resets`` (B,) marks the start of a piece."""
    if state is None:
        return None
    return tuple((_kept(hidden, resets), _kept(cell, resets)) for hidden, cell in state)


def _kept(part: Tensor, resets: Tensor) -> Tensor:
    keep = (~resets).repeat_interleave(part.shape[1] // len(resets))
    return part * keep.view(1, -1, 1)  # (1, R, H)


def detach_state(state: State) -> State:
    """``state`` without its graph."""
    return tuple((hidden.detach(), cell.detach()) for hidden, cell in state)


def slice_state(state: State | None, rows: slice) -> State | None:
    """The rows ``rows`` of each layer."""
    return state and tuple((hidden[:, rows], cell[:, rows]) for hidden, cell in state)


def concat_states(states: Sequence[State]) -> State:
    """The states of neighbouring batch rows as one."""
    return tuple(
        (torch.cat([pair[0] for pair in layer], 1), torch.cat([pair[1] for pair in layer], 1))
        for layer in zip(*states, strict=True)
    )


def state_tensors(state: State | None, prefix: str = "state") -> dict[str, Tensor]:
    """``state`` as named tensors, for a snapshot."""
    return {
        f"{prefix}.{index}.{kind}": tensor
        for index, pair in enumerate(state or ())
        for kind, tensor in zip(("hidden", "cell"), pair, strict=True)
    }


def state_from(tensors: dict[str, Tensor], device: torch.device, prefix: str = "state") -> State | None:
    """The inverse of ``state_tensors``; None where no state was stored."""
    layers: list[tuple[Tensor, Tensor]] = []
    while (name := f"{prefix}.{len(layers)}") + ".hidden" in tensors:
        layers.append((tensors[f"{name}.hidden"].to(device), tensors[f"{name}.cell"].to(device)))
    return tuple(layers) or None
