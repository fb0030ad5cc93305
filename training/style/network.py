"""The style model in torch, for training: the same weights and numbers as ``composer.model.style.StyleModel``.

Shape letters: B pieces, N parts of all of them, K latent width, H hidden, A histogram bins, C context.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the field's own name for it

from composer.model.style.config import (
    COMPONENTS,
    GENRE_EMBEDDING,
    PART_EMBEDDING,
    PART_WIDTH,
    PROGRAMS,
    SONG_WIDTH,
    expected_style_shapes,
)
from composer.model.style.model import LOG_STD_LIMITS
from composer.model.style.prior import LOG_STD_LIMITS as COMPONENT_LIMITS
from composer.model.style.prior import input_mask, output_mask
from midi_data.analysis.attribute_histograms import COLUMNS, TIME_SHIFT_BINS
from midi_data.analysis.histograms import FAMILIES
from midi_data.events.encoding import SAME_PROGRAM_LIMIT
from training.style.pieces import Batch

FEWEST_PIECES = 10
"""Training pieces that a program needs for an embedding of its own; others have that of their family alone."""
NOTES_CAP = 64.0
"""Most notes of a part that count in an attribute's likelihood: notes of one piece are not independent."""
RANGE_SCALE = 0.25
"""Scale of the Laplace likelihood of a part's ranges."""


class MixturePrior(nn.Module):
    """log p(z | context) of ``composer.model.style.prior``."""

    used_in: Tensor
    used_out: Tensor

    def __init__(self, width: int, first: nn.Linear, second: nn.Linear) -> None:
        """``first`` and ``second`` layer of the prior of vectors of ``width`` numbers; they belong to the caller."""
        super().__init__()
        hidden, inputs = first.weight.shape
        self.register_buffer("used_in", torch.from_numpy(input_mask(hidden, width, inputs - width)), persistent=False)
        self.register_buffer("used_out", torch.from_numpy(output_mask(hidden, width)), persistent=False)
        with torch.no_grad():
            second.weight *= 0.3 * self.used_out
            second.bias.zero_()
            second.bias.view(width, 3, COMPONENTS)[:, 1] = torch.linspace(-1, 1, COMPONENTS)
            first.weight *= self.used_in

    def forward(self, z: Tensor, context: Tensor, first: nn.Linear, second: nn.Linear) -> Tensor:
        """(N,) log density of z (N, K) in context (N, C)."""
        hidden = torch.relu(F.linear(torch.cat([z, context], dim=-1), first.weight * self.used_in, first.bias))
        found = F.linear(hidden, second.weight * self.used_out, second.bias).view(*z.shape, 3, COMPONENTS)
        weight, mean, log_std = found.unbind(-2)  # (N, K, M)
        log_std = log_std.clamp(*COMPONENT_LIMITS)
        square = ((z[..., None] - mean) * torch.exp(-log_std)) ** 2
        nats = weight.log_softmax(-1) - log_std - 0.5 * (square + math.log(2 * math.pi))
        return nats.logsumexp(-1).sum(-1)


class StyleNetwork(nn.Module):
    """See the module's docstring."""

    genre_pieces: Tensor
    program_pieces: Tensor

    def __init__(self, genres: int, dropout: float = 0.1) -> None:
        """``genres`` known, beside the row of an unknown one."""
        super().__init__()
        shapes = expected_style_shapes(1 + genres)
        self.dropout = dropout
        self.genre = nn.Embedding(1 + genres, GENRE_EMBEDDING)
        self.family = nn.Embedding(FAMILIES, PART_EMBEDDING)
        self.program = nn.Embedding(PROGRAMS, PART_EMBEDDING)
        self.occurrence = nn.Embedding(SAME_PROGRAM_LIMIT, PART_EMBEDDING)
        for table in (self.genre, self.family, self.program, self.occurrence):
            nn.init.normal_(table.weight, std=0.3)
        self.register_buffer("genre_pieces", torch.zeros(1 + genres))
        self.register_buffer("program_pieces", torch.zeros(PROGRAMS))
        for name, shape in shapes.items():
            if name.endswith(".weight") and name.removesuffix(".weight") + ".bias" in shapes:
                self.add_module(name.removesuffix(".weight"), nn.Linear(shape[1], shape[0]))
        self.song_prior = MixturePrior(SONG_WIDTH, *self._layers("song_prior"))
        self.part_prior = MixturePrior(PART_WIDTH, *self._layers("part_prior"))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """(B,) nats of each piece: ``shares``, ``ranges``, ``time_shift``, ``grid``, ``song`` and ``parts`` (KL)."""
        parts, genre = self.embedded(batch)
        song, own = self.encode(batch, parts, genre)
        song_z, part_z = _drawn(*song), _drawn(*own)
        nats = self.reconstruction(batch, song_z, part_z, parts, genre)
        return nats | self.divergence(batch, song, own, song_z, part_z, parts, genre)

    def embedded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(N, E) parts and (B, E) genres. A rare program has its family's embedding."""
        family, program, occurrence = batch.parts.unbind(-1)
        known = (self.program_pieces >= FEWEST_PIECES)[program][..., None]
        parts = self.family(family) + self.program(program) * known + self.occurrence(occurrence)
        return parts, self.genre(batch.genre)

    def encode(self, batch: Batch, parts: Tensor, genre: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Mean and log standard deviation of the song (B, K) and of the parts (N, K)."""
        knows = batch.knows_ranges[:, None]  # (B, 1)
        known = knows[batch.piece]  # (N, 1)
        stated = [batch.ranges * known, known, parts, genre[batch.piece]]
        hidden = self._hidden("parts_in", torch.cat([batch.shares.sqrt(), *stated], dim=-1))  # (N, H)
        song = torch.cat([_mean(hidden, batch), batch.time_shift.sqrt(), batch.grid * knows, knows, genre], dim=-1)
        song = self._hidden("song_in", song)  # (B, H)
        own = self._hidden("part_in", torch.cat([hidden, song[batch.piece]], dim=-1))
        song_mean, song_log = self.get_submodule("song_out")(song).chunk(2, dim=-1)
        part_mean, part_log = self.get_submodule("part_out")(own).chunk(2, dim=-1)
        return (song_mean, song_log.clamp(*LOG_STD_LIMITS)), (part_mean, part_log.clamp(*LOG_STD_LIMITS))

    def reconstruction(
        self, batch: Batch, song: Tensor, own: Tensor, parts: Tensor, genre: Tensor
    ) -> dict[str, Tensor]:
        """(B,) nats of the statistics given latent vectors ``song`` (B, K) and ``own`` (N, K)."""
        shared = torch.cat([song, genre], dim=-1)[batch.piece]
        hidden = self._hidden("decode_in", torch.cat([shared, own, parts], dim=-1))
        hidden = hidden + self._hidden("decode_inner", hidden)  # (N, H)
        error = (self.get_submodule("ranges_out")(hidden) - batch.ranges).abs() / RANGE_SCALE
        both = torch.cat([_mean(hidden, batch), song, genre], dim=-1)
        both = self.get_submodule("band_out")(self._hidden("band_in", both))
        shifts, grid = both[:, :TIME_SHIFT_BINS], both[:, TIME_SHIFT_BINS:]
        weight = _sum(batch.notes, batch).clamp(max=NOTES_CAP)
        return {
            "shares": _sum(self._share_nats(batch, hidden), batch),
            "ranges": _sum((error + math.log(2 * RANGE_SCALE)).sum(-1), batch),
            "time_shift": -(batch.time_shift * shifts.log_softmax(-1)).sum(-1) * weight,
            "grid": F.binary_cross_entropy_with_logits(grid, batch.grid, reduction="none").sum(-1),
        }

    def divergence(
        self,
        batch: Batch,
        song: tuple[Tensor, Tensor],
        own: tuple[Tensor, Tensor],
        song_z: Tensor,
        part_z: Tensor,
        parts: Tensor,
        genre: Tensor,
    ) -> dict[str, Tensor]:
        """(B,) estimates of the divergence of the posteriors ``song`` and ``own`` from the priors at drawn vectors."""
        song_nats, part_nats = self.log_priors(batch, song_z, part_z, parts, genre)
        return {
            "song": -_entropy(song[1]) - song_nats,
            "parts": _sum(-_entropy(own[1]) - part_nats, batch),
        }

    def log_priors(
        self, batch: Batch, song_z: Tensor, part_z: Tensor, parts: Tensor, genre: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Log density (B,) of song vectors (B, K) and (N,) of part vectors (N, K), each given the parts before it."""
        pooled = _mean(parts, batch)
        song = self.song_prior(song_z, torch.cat([genre, pooled], dim=-1), *self._layers("song_prior"))
        count = torch.bincount(batch.piece)
        first = (count.cumsum(0) - count)[batch.piece]  # (N,) each part's piece begins here
        number = torch.arange(len(first)) - first
        summed = torch.relu(self.get_submodule("summary")(torch.cat([part_z, parts], dim=-1)))
        summed = summed.cumsum(0) - summed  # of all rows before
        summary = (summed - summed[first]) / number.clamp(min=1)[:, None]
        last = part_z.roll(1, 0) * (number > 0)[:, None]
        known = [torch.cat([genre, pooled, song_z], dim=-1)[batch.piece], parts, summary, last]
        context = torch.cat([*known, (number == 0).float()[:, None]], dim=-1)  # (N, C)
        return song, self.part_prior(part_z, context, *self._layers("part_prior"))

    def weights(self) -> Mapping[str, Tensor]:
        """The weights as they are stored: embeddings of rare programs and unused weights of the priors are 0."""
        state = {name: tensor.detach().clone().contiguous() for name, tensor in self.state_dict().items()}
        state["program.weight"] *= (self.program_pieces >= FEWEST_PIECES)[:, None]
        for prior in ("song_prior", "part_prior"):
            used = self.get_submodule(prior)
            state[f"{prior}_in.weight"] *= used.get_buffer("used_in")
            state[f"{prior}_out.weight"] *= used.get_buffer("used_out")
        return state

    def _layers(self, prior: str) -> tuple[nn.Linear, nn.Linear]:
        first, second = self.get_submodule(f"{prior}_in"), self.get_submodule(f"{prior}_out")
        return cast("nn.Linear", first), cast("nn.Linear", second)

    def _share_nats(self, batch: Batch, hidden: Tensor) -> Tensor:
        """(N,) nats of the attribute histograms, weighted by notes."""
        logits = self.get_submodule("shares_out")(hidden).masked_fill(~batch.allowed, -1e4)
        nats = [
            -(batch.shares[..., columns] * logits[..., columns].log_softmax(-1)).sum(-1) for columns in COLUMNS.values()
        ]
        return torch.stack(nats).sum(0) * batch.notes.clamp(max=NOTES_CAP)

    def _hidden(self, name: str, x: Tensor) -> Tensor:
        x = F.gelu(self.get_submodule(name)(x), approximate="tanh")
        return F.dropout(x, self.dropout, self.training)


def load_weights(network: StyleNetwork, weights: Mapping[str, Tensor]) -> None:
    """Load stored weights; a prior that ``weights`` do not have stays as it begins."""
    own = network.state_dict()
    network.load_state_dict(own | {name: weight.float() for name, weight in weights.items() if name in own})


def keep_all_but_priors(network: StyleNetwork) -> None:
    """Freeze every weight but those of the priors, so that styles keep their meaning."""
    for name, weight in network.named_parameters():
        weight.requires_grad_(name.startswith(("song_prior", "part_prior", "summary")))


def _sum(values: Tensor, batch: Batch) -> Tensor:
    """(B, ·) sums of values (N, ·) over the parts of each piece."""
    return values.new_zeros(len(batch.genre), *values.shape[1:]).index_add_(0, batch.piece, values)


def _mean(values: Tensor, batch: Batch) -> Tensor:
    """(B, ·) means of values (N, ·) over the parts of each piece."""
    return _sum(values, batch) / _sum(torch.ones_like(batch.notes), batch)[:, None]


def _drawn(mean: Tensor, log_std: Tensor) -> Tensor:
    return mean + torch.randn_like(mean) * log_std.exp()


def _entropy(log_std: Tensor) -> Tensor:
    return (log_std + 0.5 * (1 + math.log(2 * math.pi))).sum(-1)
