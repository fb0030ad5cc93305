"""Knowledge distillation: divergence of a network from its base, and batches that hold new and replayed rows.

Hinton et al. (2015), Li & Hoiem (2017). Shape letters: T time steps, B batch rows, V classes of a field.
"""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from torch import Tensor

from composer.model.network import Conditions, StepInputs
from midi_data.events.encoding import FIELDS, VOCABULARY
from training.data.batches import Batch

_LOWEST_LOGIT = -1e4


def concat_batches(first: Batch, second: Batch) -> Batch:
    """The rows of both batches, ``first``'s before ``second``'s; ``notes`` counts ``first`` only."""
    inputs = {
        each.name: torch.cat(_both(first.inputs, second.inputs, each.name), dim=1)  # (T, B, …)
        for each in fields(StepInputs)
    }
    conditions = {
        each.name: torch.cat(_both(first.conditions, second.conditions, each.name)) for each in fields(Conditions)
    }
    return replace(
        first,
        inputs=StepInputs(**inputs),
        conditions=Conditions(**conditions),
        target=torch.cat([first.target, second.target], dim=1),
        resets=torch.cat([first.resets, second.resets]),
    )


def _both(first: object, second: object, name: str) -> list[Tensor]:
    return [getattr(first, name), getattr(second, name)]


def divergence(base_logits: dict[str, Tensor], logits: dict[str, Tensor], target: Tensor) -> Tensor:
    """KL(base ‖ network) in nats, summed over steps and fields that ``target`` (T, B, 5) has; logits (T, B, V)."""
    total = target.new_zeros((), dtype=torch.float32)
    for index, name in enumerate(FIELDS):
        present = (target[..., index] >= 0) & (target[..., index] < VOCABULARY[name])  # (T, B)
        # −∞ marks parts outside the band; a difference of two of them would be NaN.
        base, own = (
            torch.log_softmax(each[name][present].float().clamp(min=_LOWEST_LOGIT), dim=-1)
            for each in (base_logits, logits)
        )
        total = total + (base.exp() * (base - own)).sum()
    return total
