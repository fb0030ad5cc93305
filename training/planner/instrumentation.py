"""Trains the instrumentation model (``composer.planning.instrumentation``).

Its examples are the bands that play in excerpts of all training pieces. The weights that are likeliest on held-out
pieces (every genre alike) are kept.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor, nn

from composer.model.planner_config import BAND_HIDDEN, BAND_PART, PROGRAMS
from composer.planning.instrumentation import renumbered
from midi_data.events.encoding import PART_LIMIT, SAME_PROGRAM_LIMIT, VOCABULARY
from training.planner.charts import Example, excerpt_of, playing_example
from training.planner.network import gelu
from training.planner.train import genre_shares

BATCH, LEARNING_RATE, WEIGHT_DECAY = 64, 2e-3, 0.05
VALIDATE_EVERY = 250
EMA_DECAY = 0.995
STYLE_DROPOUT = 0.3
EXCERPTS = 3
"""Excerpts of each piece whose bands are examples."""
END = VOCABULARY["part"]
_log = logging.getLogger(__name__)


class BandNetwork(nn.Module):
    """The torch twin of ``composer.planning.instrumentation.Instrumentation``."""

    def __init__(self, genres: int, styles: int, dropout: float = 0.2) -> None:
        """``genres``, ``styles``: rows as in the note network; style 0 is "any"."""
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.genre, self.style = nn.Embedding(genres, BAND_HIDDEN), nn.Embedding(styles, BAND_HIDDEN)
        self.count = nn.Embedding(PART_LIMIT + 1, BAND_HIDDEN)
        self.part, self.occurrence = nn.Embedding(PROGRAMS, BAND_PART), nn.Embedding(SAME_PROGRAM_LIMIT, BAND_PART)
        self.band_in = nn.Linear(BAND_PART, BAND_HIDDEN, bias=False)
        self.last_in = nn.Linear(BAND_PART, BAND_HIDDEN, bias=False)
        self.hidden = nn.Linear(BAND_HIDDEN, BAND_HIDDEN)
        self.part_out = nn.Embedding(PROGRAMS, BAND_HIDDEN)
        self.occurrence_out = nn.Embedding(SAME_PROGRAM_LIMIT, BAND_HIDDEN)
        self.end_out = nn.Embedding(1, BAND_HIDDEN)
        self.bias = nn.Parameter(torch.zeros(END + 1))
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.1)

    def forward(self, genre: Tensor, style: Tensor, bands: Tensor) -> Tensor:
        """(B,) nats of each band. ``genre``, ``style`` (B,); ``bands`` (B, S) classes, then ``END`` and −1."""
        known = bands.clamp(0, END - 1)
        has = ((bands >= 0) & (bands < END))[..., None]
        rows = (self.part(known // SAME_PROGRAM_LIMIT) + self.occurrence(known % SAME_PROGRAM_LIMIT)) * has  # (B, S, E)
        before, last = torch.cumsum(rows, 1) - rows, torch.roll(rows, 1, 1)
        last = torch.cat([torch.zeros_like(last[:, :1]), last[:, 1:]], dim=1)
        x = self.genre(genre) + self.style(style)
        x = x[:, None] + self.count.weight[: bands.shape[1]] + self.band_in(before) + self.last_in(last)
        inner = gelu(self.hidden(self.dropout(gelu(x))))  # (B, S, H)
        out = self.part_out.weight[:, None] + self.occurrence_out.weight  # (129, 4, H)
        logits = (
            self.dropout(inner) @ torch.cat([out.flatten(0, 1), self.end_out.weight]).T + self.bias
        )  # (B, S, V + 1)
        lowest = torch.cat([torch.full_like(bands[:, :1], -1), known[:, :-1]], dim=1)
        logits = logits.masked_fill(torch.arange(END + 1) <= lowest[..., None], -torch.inf)
        logits[:, 0, END] = -torch.inf
        logits[:, PART_LIMIT:, END] = 0
        logits[:, PART_LIMIT:, :END] = -torch.inf
        losses = nn.functional.cross_entropy(logits.transpose(1, 2), bands, ignore_index=-1, reduction="none")
        return losses.sum(1)


def playing_band(example: Example) -> tuple[int, ...]:
    """Part classes that play in an example, instruments numbered anew."""
    return renumbered(playing_example(example).conditions.band)


def bands_tensor(bands: list[tuple[int, ...]]) -> Tensor:
    """(B, S) classes, then ``END`` and −1."""
    longest = max(len(band) for band in bands) + 1
    return torch.tensor([[*band, END, *[-1] * (longest - 1 - len(band))] for band in bands])


def train(
    network: BandNetwork, examples: list[Example], styles: list[int], valid: list[Example], updates: int, seed: int = 1
) -> dict[str, Tensor]:
    """The averaged weights that are likeliest on ``valid``. ``styles``: style row of each of ``examples``."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    average = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    shares, best, kept = genre_shares(examples), np.inf, dict(average)
    bands = bands_tensor([playing_band(excerpt_of(each, rng)) for _ in range(EXCERPTS) for each in examples])
    genres, held = genres_of(examples), (genres_of(valid), bands_tensor([playing_band(each) for each in valid]))
    rows = torch.tensor(styles)
    for update in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (update + 1) / 50) * (1 - update / updates)
        chosen = rng.choice(len(examples), BATCH, p=shares)
        style = rows[chosen] * torch.from_numpy(rng.random(BATCH) >= STYLE_DROPOUT)
        excerpts = bands[chosen + len(examples) * rng.integers(EXCERPTS, size=BATCH)]
        loss = network(genres[chosen], style, excerpts).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        for name, tensor in network.state_dict().items():
            average[name].lerp_(tensor, 1 - min(EMA_DECAY, (1 + update) / (10 + update)))
        if (update + 1) % VALIDATE_EVERY == 0 or update + 1 == updates:
            nats = validate(network, average, *held)
            _log.info("update %d: %.3f nats a band held out", update + 1, nats)
            if nats < best:
                best, kept = nats, {name: tensor.clone() for name, tensor in average.items()}
    return kept


def style_shares(genres: list[int], styles: list[int], genre_rows: int, style_rows: int) -> Tensor:
    """(genres, styles) share of each style among a genre's pieces; ``genres`` and ``styles`` (N,) rows of pieces."""
    counts = torch.zeros(genre_rows, style_rows)
    counts.index_put_((torch.tensor(genres), torch.tensor(styles)), torch.ones(len(genres)), accumulate=True)
    return counts / counts.sum(1, keepdim=True).clamp(min=1)


def genres_of(examples: list[Example]) -> Tensor:
    """(N,) rows of the genres in the note network."""
    return torch.tensor([example.conditions.genres[0][0] - 1 for example in examples])


@torch.no_grad()
def validate(network: BandNetwork, average: dict[str, Tensor], genre: Tensor, bands: Tensor) -> float:
    """Nats of a band under the weights ``average``, without style; the mean over genres. ``genre`` (N,), ``bands``."""
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(average)
    network.eval()
    nats = network(genre, torch.zeros_like(genre), bands)
    network.train()
    network.load_state_dict(own)
    return float(torch.stack([nats[genre == row].mean() for row in sorted(set(genre.tolist()))]).mean())
