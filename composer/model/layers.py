"""Torch layers shared by the recurrent networks: LSTM with dropped recurrent weights, locked dropout, initialisation.

Shape letters: T time, B batch, I input, H hidden.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the field's own name for it

LayerState = tuple[Tensor, Tensor]
"""(hidden, cell) of one LSTM layer, (1, B, H) each."""


def run_lstm(
    layer: nn.LSTM, x: Tensor, state: LayerState | None, weight_dropout: float = 0.0
) -> tuple[Tensor, LayerState]:
    """One LSTM layer over ``x`` (T, B, I): outputs (T, B, H) and the state after the last step.

    A ``state`` of None starts from zeros. ``weight_dropout`` drops recurrent weights in training (DropConnect, Merity
    et al. 2018). Computes in bf16 under autocast.
    """
    if state is None:
        zeros = x.new_zeros(1, x.shape[1], layer.hidden_size)  # (1, B, H)
        state = (zeros, zeros)
    weights = [cast("Tensor", w) for w in (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)]
    weights[1] = F.dropout(weights[1], weight_dropout, layer.training)  # (4 H, H)
    dtype = torch.bfloat16 if torch.is_autocast_enabled(x.device.type) else x.dtype
    # The functional form takes dropped and cast weights without registering them as parameters.
    out, hidden, cell = torch.lstm(
        x.to(dtype), tuple(s.to(dtype) for s in state), [w.to(dtype) for w in weights],
        True, 1, 0.0, layer.training, False, False,
    )  # fmt: skip
    return out, (hidden, cell)  # (T, B, H), (1, B, H) twice


def locked_dropout(x: Tensor, rate: float, *, training: bool) -> Tensor:
    """Dropout of ``x`` (T, B, …, H) with one mask for all time steps and inner axes (Gal & Ghahramani 2016)."""
    if not training or rate == 0:
        return x
    keep = torch.empty(1, x.shape[1], *[1] * (x.ndim - 3), x.shape[-1], dtype=x.dtype, device=x.device)
    return x * keep.bernoulli_(1 - rate).div_(1 - rate)


def initialise_lstm(layer: nn.LSTM) -> None:
    """Orthogonal recurrent weights, biases 0 but 1 for the forget gate (Jozefowicz et al. 2015)."""
    hidden, bias = layer.hidden_size, cast("Tensor", layer.bias_ih_l0)
    nn.init.orthogonal_(cast("Tensor", layer.weight_hh_l0))
    nn.init.zeros_(cast("Tensor", layer.bias_hh_l0))
    nn.init.zeros_(bias)
    with torch.no_grad():  # torch's order of gates: i, f, g, o
        bias[hidden : 2 * hidden].fill_(1.0)
