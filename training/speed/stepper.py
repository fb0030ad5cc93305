"""The network step by step in plain torch (``nn.LSTM``): the cost of composing without the numpy engine.

Only network steps and sampling are measured, without constraints, lookback or writing a song, so a whole composer in
torch would be slower.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from composer.decoding.sampling import parameters_for
from composer.model.checkpoint import Checkpoint
from composer.model.config import CLOCK, CONDITIONS, LOOKBACK_FIELDS, ModelConfig
from composer.model.network import Conditions, Network, State, StepInputs
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH
from midi_data.events.encoding import FIELDS, PART_LIMIT, VOCABULARY
from midi_data.events.features import NOTE_LOOKBACK
from midi_data.process import usable_cores
from training.speed.figures import Figure, rate, times

EAGER_STEPS = 60
BAND_SIZE = 6


class Stepper:
    """``batch`` songs of ``network`` on ``device``; each ``step`` is one note of each song."""

    def __init__(self, network: Network, batch: int, device: torch.device) -> None:
        self.network = network.to(device).eval()
        self._inputs = _inputs(network.config, batch).to(device)
        band = torch.zeros(batch, VOCABULARY["part"], dtype=torch.bool)
        band[:, :BAND_SIZE] = True
        labels = torch.zeros(batch, len(CONDITIONS), dtype=torch.int64)
        slots = 1 + PART_LIMIT
        histograms, parts = torch.zeros(batch, slots, HISTOGRAMS_WIDTH), torch.full((batch, slots), VOCABULARY["part"])
        self._conditions = Conditions(labels, band, histograms, parts).to(device)
        self._state: State | None = None
        self._temperature = parameters_for(0.5).temperature

    @torch.inference_mode()
    def step(self) -> Tensor:
        """Sampled classes (B, 5), which become the next step's previous event."""
        logits, self._state = self.network(self._inputs, self._conditions, self._state)
        drawn = torch.stack([self._draw(logits[field][0]) for field in FIELDS], dim=-1)
        self._inputs = dataclasses.replace(self._inputs, previous=drawn[None], target=drawn[None])
        return drawn

    def _draw(self, logits: Tensor) -> Tensor:
        return torch.multinomial(torch.softmax(logits / self._temperature, dim=-1), 1)[:, 0]


def network_of(checkpoint: Checkpoint) -> Network:
    """The torch module with a checkpoint's weights."""
    network = Network(checkpoint.config)
    network.load_state_dict({name: torch.from_numpy(weight) for name, weight in checkpoint.weights.items()})
    return network


def _inputs(config: ModelConfig, batch: int) -> StepInputs:
    """Inputs of one step (T = 1), all class 0."""
    lags = len(config.lags)
    tails = {
        "previous": (len(FIELDS),), "clock": (len(CLOCK),), "position_after": (),
        "next": (lags, len(LOOKBACK_FIELDS["next"])), "part": (lags,),
        "note": (NOTE_LOOKBACK, len(LOOKBACK_FIELDS["note"])),
        "matched": (lags,), "slots": (2,), "chord": (2,), "target": (len(FIELDS),),
    }  # fmt: skip
    wanted = [field.name for field in dataclasses.fields(StepInputs)]
    # Other inputs have a value for each part class.
    zeros = {name: torch.zeros(1, batch, *tails.get(name, (VOCABULARY["part"],)), dtype=torch.int64) for name in wanted}
    zeros["matched"] = zeros["matched"].float()
    return StepInputs(**zeros)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Set torch to ``count`` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def eager_figures(checkpoint: Checkpoint, runs: int, steps: int = EAGER_STEPS) -> list[Figure]:
    """Notes a second of one song, with one thread and with one for each core."""
    stepper = Stepper(network_of(checkpoint), 1, torch.device("cpu"))
    figures = []
    for name, count in (("eager", usable_cores()), ("eager_one_thread", 1)):
        label = f"nn.LSTM step by step, {count} thread{'s' if count > 1 else ''}"
        with threads(count):
            seconds = times(lambda: [stepper.step() for _ in range(steps)], runs)
        figures.append(rate(name, label, "notes/s", steps, seconds, "sampling included, writing a song not"))
    return figures
