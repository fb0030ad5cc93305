"""How fast a bare ``nn.LSTM`` of a network's shape would train: what a training's notes/s are shown beside.

Forward and backward over random inputs of the same batch, in the same precision, on the same device and at the same
time: now and then between two updates, so that whatever else slows the machine slows both. Knows no music.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import nn

from training.config import Widths

FIRST_AT = 4
EVERY = 100
"""Updates between two measures: about a hundredth of the time."""


@dataclass(slots=True)
class BareLstm:
    """A stack of ``widths`` over ``lanes`` × ``steps`` at once."""

    widths: Widths
    lanes: int
    steps: int
    device: torch.device
    dtype: torch.dtype
    _made: tuple[nn.LSTM, torch.Tensor] | None = None
    _seconds: list[float] = field(default_factory=list)

    def measure_now_and_then(self, update: int) -> None:
        """Measure if it is time to after ``update`` updates."""
        if update == FIRST_AT or update % EVERY == 0:
            self.measure()

    def measure(self) -> None:
        """One pass to warm up, one that counts. Leaves the random numbers of the training alone."""
        lstm, inputs = self._made = self._made or self._make()
        _pass(lstm, inputs)
        begun = _now(self.device)
        _pass(lstm, inputs)
        self._seconds.append(_now(self.device) - begun)

    @property
    def notes_per_second(self) -> float:
        """Steps a second over all measures; 0 before the first."""
        return len(self._seconds) * self.lanes * self.steps / sum(self._seconds) if self._seconds else 0.0

    def _make(self) -> tuple[nn.LSTM, torch.Tensor]:
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            lstm = nn.LSTM(self.widths.inputs, self.widths.hidden, self.widths.layers)
            inputs = torch.randn(self.steps, self.lanes, self.widths.inputs)
        return lstm.to(self.device, self.dtype), inputs.to(self.device, self.dtype)


def _pass(lstm: nn.LSTM, inputs: torch.Tensor) -> None:
    # As in a training, the first layer's inputs want gradients too: tables lie behind them.
    out, _ = lstm(inputs.detach().requires_grad_())
    out.sum().backward()
    lstm.zero_grad(set_to_none=True)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
