"""The style model in torch, for training: the same weights and numbers as ``composer.model.style.StyleModel``.

Shape letters: B pieces, N parts of all of them, K latent width, H hidden, A histogram bins, C context.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the field's own name for it

from composer.model.style.config import (
    FLOW_LAYERS,
    GENRE_EMBEDDING,
    PART_EMBEDDING,
    PROGRAMS,
    SONG_WIDTH,
    expected_style_shapes,
)
from composer.model.style.flow import BASE_LIMIT, SCALE_LIMIT
from composer.model.style.model import LOG_STD_LIMITS
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


class Flow(nn.Module):
    """log p(z | context) of ``composer.model.style.flow``."""

    def __init__(self, width: int, context: int) -> None:
        super().__init__()
        shapes = expected_style_shapes(1)
        name = "song_prior" if context == shapes["song_prior.base.weight"][1] else "part_prior"
        self.width = width
        for layer in ["base", *(f"{n}_{end}" for n in range(FLOW_LAYERS) for end in ("in", "out"))]:
            outputs, inputs = shapes[f"{name}.{layer}.weight"]
            self.add_module(layer, nn.Linear(inputs, outputs))
            if not layer.endswith("in"):
                nn.init.zeros_(self.get_submodule(layer).weight)  # type: ignore[arg-type]
                nn.init.zeros_(self.get_submodule(layer).bias)  # type: ignore[arg-type]

    def forward(self, z: Tensor, context: Tensor) -> Tensor:
        """(...,) log density of z (..., K) in context (..., C)."""
        u, log_det = self.noise(z, context)
        return log_det - 0.5 * (u**2 + math.log(2 * math.pi)).sum(-1)

    def noise(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Noise (..., K) that z (..., K) comes from, and the log determinant (...,) of the map from z to it."""
        mean, scale = self.get_submodule("base")(context).chunk(2, dim=-1)
        scale = BASE_LIMIT * torch.tanh(scale / BASE_LIMIT)
        u, log_det = (z - mean) * torch.exp(-scale), -scale.sum(-1)
        for layer in range(FLOW_LAYERS):
            moved, kept = u.chunk(2, dim=-1)
            inner = torch.relu(self.get_submodule(f"{layer}_in")(torch.cat([kept, context], dim=-1)))
            shift, scale = self.get_submodule(f"{layer}_out")(inner).chunk(2, dim=-1)
            scale = SCALE_LIMIT * torch.tanh(scale / SCALE_LIMIT)
            u = torch.cat([kept, moved * torch.exp(scale) + shift], dim=-1)
            log_det = log_det + scale.sum(-1)
        return u, log_det


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
            if name.endswith(".weight") and "prior" not in name and name.removesuffix(".weight") + ".bias" in shapes:
                self.add_module(name.removesuffix(".weight"), nn.Linear(shape[1], shape[0]))
        self.song_prior = Flow(SONG_WIDTH, shapes["song_prior.base.weight"][1])
        self.part_prior = Flow(SONG_WIDTH, shapes["part_prior.base.weight"][1])

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
        song_context, part_context = self.contexts(batch, song_z, parts, genre)
        own_nats = -_entropy(own[1]) - self.part_prior(part_z, part_context)
        return {
            "song": -_entropy(song[1]) - self.song_prior(song_z, song_context),
            "parts": _sum(own_nats, batch),
        }

    def contexts(self, batch: Batch, song_z: Tensor, parts: Tensor, genre: Tensor) -> tuple[Tensor, Tensor]:
        """What the priors of the song (B, C) and of the parts (N, C) depend on."""
        pooled = _mean(parts, batch)
        shared = torch.cat([genre, pooled, song_z], dim=-1)[batch.piece]
        return torch.cat([genre, pooled], dim=-1), torch.cat([shared, parts], dim=-1)

    def weights(self) -> Mapping[str, Tensor]:
        """The weights as they are stored: embeddings of rare programs are 0."""
        state = {name: tensor.detach().clone().contiguous() for name, tensor in self.state_dict().items()}
        state["program.weight"] *= (self.program_pieces >= FEWEST_PIECES)[:, None]
        return state

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
