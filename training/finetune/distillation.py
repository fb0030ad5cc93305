"""Staying like a teacher: how far a network's choices stray from another's, and both kinds of lanes in one batch.

After Hinton et al. (2015) and Li & Hoiem (2017). Knows tensors; not what is taught or when.
"""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from torch import Tensor

from composer.model.network import Conditions, State, StepInputs
from midi_data.events.encoding import FIELDS, VOCABULARY
from training.data.batches import Segment

_LOWEST_LOGIT = -1e4


def carried(state: State | None, fresh: Tensor) -> State | None:
    """``state`` emptied in the lanes (B,) where a new piece begins."""
    if state is None:
        return None
    keep = (~fresh).view(1, -1, 1)
    return tuple((h * keep, c * keep) for h, c in state)


def side_by_side(one: Segment, other: Segment) -> Segment:
    """Both segments' lanes in one, ``one``'s first; ``notes`` are ``one``'s."""
    inputs = {each.name: torch.cat(_both(one.inputs, other.inputs, each.name), dim=1) for each in fields(StepInputs)}
    conditions = {
        each.name: torch.cat(_both(one.conditions, other.conditions, each.name)) for each in fields(Conditions)
    }
    return replace(
        one,
        inputs=StepInputs(**inputs),
        conditions=Conditions(**conditions),
        target=torch.cat([one.target, other.target], dim=1),
        fresh=torch.cat([one.fresh, other.fresh]),
    )


def _both(one: object, other: object, name: str) -> list[Tensor]:
    return [getattr(one, name), getattr(other, name)]


def divergence(wanted: dict[str, Tensor], logits: dict[str, Tensor], target: Tensor) -> Tensor:
    """Sum over steps and fields of KL(wanted ‖ logits), where the target has the field; logits (T, B, V)."""
    total = target.new_zeros((), dtype=torch.float32)
    for index, name in enumerate(FIELDS):
        there = (target[..., index] >= 0) & (target[..., index] < VOCABULARY[name])
        # −∞ marks parts outside the band: a difference of two of them would be no number.
        first, second = (
            torch.log_softmax(each[name][there].float().clamp(min=_LOWEST_LOGIT), dim=-1) for each in (wanted, logits)
        )
        total = total + (first.exp() * (first - second)).sum()
    return total
