"""A decoder-only transformer of the Multitrack Music Transformer's shape, a step at a time with a cache of keys.

Dong et al. 2023 (ICASSP): six layers of 512 with eight heads, 1,024 events of context, one step an event of six fields,
their embeddings added, one output head a field. Weights are random: how fast it is does not depend on them.
Needs torch and Hugging Face's ``transformers``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.speed.figures import Figure, rate, times

LAYERS, WIDTH, HEADS, CONTEXT = 6, 512, 8, 1024
FIELD_CLASSES = (5, 257, 13, 129, 33, 65)
"""Type, beat, position, pitch, duration, instrument: about as many classes as in the paper's code."""
STEPS = 20


class EventTransformer(nn.Module):
    """GPT-2 blocks between summed field embeddings and one head a field. Each ``step`` draws one event."""

    def __init__(self, layers: int = LAYERS, width: int = WIDTH, heads: int = HEADS, context: int = CONTEXT) -> None:
        super().__init__()
        from transformers import GPT2Config, GPT2Model

        self.width = width
        size: dict[str, Any] = {"n_positions": context, "n_embd": width, "n_layer": layers, "n_head": heads}
        config = GPT2Config(vocab_size=1, bos_token_id=None, eos_token_id=None, **size)
        self.blocks = GPT2Model(config)
        self.tables = nn.ModuleList(nn.Embedding(classes, width) for classes in FIELD_CLASSES)
        self.outputs = nn.ModuleList(nn.Linear(width, classes) for classes in FIELD_CLASSES)
        self.eval()
        self._cache: Any = None
        self._event = torch.zeros(1, len(FIELD_CLASSES), dtype=torch.int64)

    @torch.inference_mode()
    def begin(self, events: int) -> None:
        """Forget everything, then hear ``events`` random ones."""
        context = torch.randn(1, events, self.width)
        self._cache = self.blocks(inputs_embeds=context, use_cache=True).past_key_values

    @torch.inference_mode()
    def step(self) -> Tensor:
        """The six classes drawn for the next event, (1, 6)."""
        embedded = torch.stack([table(self._event[:, i]) for i, table in enumerate(self.tables)]).sum(0)
        output = self.blocks(inputs_embeds=embedded[:, None], past_key_values=self._cache, use_cache=True)
        self._cache, hidden = output.past_key_values, output.last_hidden_state[:, -1]
        drawn = [torch.multinomial(torch.softmax(output(hidden), dim=-1), 1) for output in self.outputs]
        self._event = torch.cat(drawn, dim=-1)
        return self._event


def transformer_figure(runs: int, steps: int = STEPS) -> Figure:
    """Notes a second of one song, at half of the context."""
    network = EventTransformer()
    size = sum(weight.numel() for weight in network.parameters())

    def work() -> None:
        for _ in range(steps):
            network.step()

    network.begin(CONTEXT // 2)
    seconds = times(work, runs)
    setting = (
        f"{size / 1e6:.1f} M random weights, one step an event of six fields, from event {CONTEXT // 2} on, KV cache"
    )
    return rate("transformer", "a transformer of MMT's shape", "notes/s", steps, seconds, setting)
