"""The planner in torch, for training: the same weights and numbers as ``composer.planning.chart.Planner``.

Shape letters: B batch, T bars, P parts, C chord classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the field's own name for it

from composer.model.config import (
    ACTIVITY_WEIGHTS,
    BARS_LEFT_EDGES,
    PHASE_CLASSES,
    TEMPO_CLASSES,
)
from composer.model.planner_config import (
    ACTIVITY_LAGS,
    CHORD_WIDTH,
    COPIES,
    HEAD,
    HIDDEN,
    INPUT,
    KNOWN_CHORDS,
    LABEL_WIDTH,
    MODES,
    PART_WIDTH,
    PROGRAMS,
)
from composer.planning.chart import allowed_labels, is_far
from midi_data.analysis.activity import ACTIVITY_CLASSES, RESTS
from midi_data.analysis.repetition import MAX_LAG, REPETITION_CLASSES
from midi_data.bars import METER_CLASSES
from midi_data.chords import CHORD_CLASSES
from midi_data.events.features import LAGS
from training.planner.charts import Batch


class PlannerNetwork(nn.Module):
    """See the module's docstring."""

    _allowed: Tensor
    _far: Tensor
    _weights: Tensor

    def __init__(self, genres: int, dropout: float = 0.25) -> None:
        """``genres`` known, beside the row of an unknown one."""
        super().__init__()
        self.dropout = dropout
        self.chord = nn.Embedding(CHORD_CLASSES + 1, CHORD_WIDTH)
        self.label = nn.Embedding(REPETITION_CLASSES + 1, LABEL_WIDTH)
        self.part = nn.Embedding(PROGRAMS, PART_WIDTH)
        self.genre, self.tempo = nn.Embedding(1 + genres, INPUT), nn.Embedding(TEMPO_CLASSES, INPUT)
        self.mode, self.meter = nn.Embedding(MODES, INPUT), nn.Embedding(METER_CLASSES, INPUT)
        self.bars_left, self.phase = nn.Embedding(len(BARS_LEFT_EDGES) + 1, INPUT), nn.Embedding(PHASE_CLASSES, INPUT)
        self.chords_in = nn.Linear(2 * (1 + len(LAGS)) * CHORD_WIDTH, INPUT, bias=False)
        self.repetition_in = nn.Linear(LABEL_WIDTH, INPUT, bias=False)
        self.activity_in = nn.Linear(PART_WIDTH, INPUT, bias=False)
        self.band_in = nn.Linear(PART_WIDTH, INPUT, bias=False)
        self.lstm = nn.LSTM(INPUT, HIDDEN, batch_first=True)
        self.heads_in = nn.Linear(HIDDEN, 5 * HEAD)
        self.label_out = nn.Linear(HEAD, REPETITION_CLASSES)
        self.lag_label, self.lag_out = nn.Linear(LABEL_WIDTH, HEAD, bias=False), nn.Linear(HEAD, MAX_LAG)
        for name, known in KNOWN_CHORDS.items():
            self.add_module(f"{name}_label", nn.Linear(LABEL_WIDTH, HEAD, bias=False))
            self.add_module(f"{name}_source", nn.Linear(known * CHORD_WIDTH, HEAD, bias=False))
            self.add_module(f"{name}_out", nn.Linear(HEAD, CHORD_CLASSES))
            self.add_module(f"{name}_copy", nn.Linear(HEAD, COPIES))
        self.activity_part = nn.Linear(PART_WIDTH, HEAD, bias=False)
        self.activity_label = nn.Linear(LABEL_WIDTH, HEAD, bias=False)
        self.activity_known = nn.Embedding((1 + len(ACTIVITY_LAGS)) * ACTIVITY_CLASSES, HEAD)
        self.activity_pair = nn.Embedding(ACTIVITY_CLASSES**2, HEAD)
        self.activity_out = nn.Linear(HEAD, ACTIVITY_CLASSES)
        longest = torch.stack([torch.from_numpy(allowed_labels(bar)) for bar in range(LAGS[-1] + 1)])
        self.register_buffer("_allowed", longest, persistent=False)
        self.register_buffer(
            "_far", torch.tensor([is_far(label) for label in range(REPETITION_CLASSES)]), persistent=False
        )
        self.register_buffer("_weights", torch.tensor(ACTIVITY_WEIGHTS), persistent=False)
        for name, module in self.named_modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.3 if name in ("chord", "label", "part") else 0.05)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """(B,) nats of each example by ``composer.planning.chart.FIELDS``."""
        hidden, _ = self.lstm(F.dropout(self._inputs(batch), self.dropout, self.training))
        heads = self.heads_in(F.dropout(hidden, self.dropout, self.training)).chunk(5, dim=-1)
        label = self.label(batch.label)
        losses = {"repetition": self._repetition(batch, heads[0], heads[1], label)}
        losses["chords"] = self._chords(batch, heads[2], heads[3], label)
        losses["activity"] = self._activity(batch, heads[4], label)
        return losses

    def _inputs(self, batch: Batch) -> Tensor:
        has = batch.has_part[..., None].float()
        parts = self.part(batch.parts) * has  # (B, P, E)
        band = parts.sum(1) / has.sum(1).clamp(min=1).sqrt()
        fixed = self.genre(batch.genre) + self.tempo(batch.tempo) + self.mode(batch.mode) + self.meter(batch.meter)
        x = (fixed + self.band_in(band))[:, None]  # (B, 1, I)
        x = x + self.chords_in(self.chord(batch.seen).flatten(2)) + self.repetition_in(self.label(batch.label_before))
        x = x + self.activity_in(self._weights[batch.activity_before] @ parts)
        out: Tensor = x + self.bars_left(batch.left) + self.phase(batch.phase)
        return out

    def _repetition(self, batch: Batch, label_head: Tensor, lag_head: Tensor, label: Tensor) -> Tensor:
        bars = torch.arange(batch.label.shape[1])
        logits = self.label_out(gelu(label_head)).masked_fill(~self._allowed[bars.clamp(max=LAGS[-1])], -torch.inf)
        nats = _nats(logits, batch.label, batch.real)
        far = self._far[batch.label] & batch.real
        lag = self.lag_out(gelu(lag_head + self.lag_label(label)))
        outside = torch.arange(1, MAX_LAG + 1) > bars[:, None].clamp(min=1)
        return nats + _nats(lag.masked_fill(outside, -torch.inf), batch.lag.clamp(max=MAX_LAG - 1), far)

    def _chords(self, batch: Batch, first: Tensor, second: Tensor, label: Tensor) -> Tensor:
        before, source, seen = batch.seen[:, :, :1, 1], batch.source, batch.seen[:, :, 1:]
        followed, chosen = batch.progressions, batch.chords[..., :1]
        known = torch.cat([source, followed[:, :, 0]], dim=-1)  # (B, T, K)
        held = torch.cat([before, source[..., :1], seen[..., 0], followed[:, :, 0]], dim=-1)
        nats = _nats(self._chord_logits("first", first, label, known, held), batch.chords[..., 0], batch.real)
        known = torch.cat([source, chosen, followed[:, :, 1]], dim=-1)
        held = torch.cat([chosen, source[..., 1:], seen[..., 1], followed[:, :, 1]], dim=-1)
        logits = self._chord_logits("second", second, label, known, held)
        return nats + _nats(logits, batch.chords[..., 1], batch.real & batch.two[:, None])

    def _chord_logits(self, name: str, head: Tensor, label: Tensor, known: Tensor, held: Tensor) -> Tensor:
        inner = head + self.get_submodule(f"{name}_label")(label)
        inner = gelu(inner + self.get_submodule(f"{name}_source")(self.chord(known).flatten(2)))
        logits = F.pad(self.get_submodule(f"{name}_out")(inner), (0, 1))
        out: Tensor = logits.scatter_add(-1, held, self.get_submodule(f"{name}_copy")(inner))[..., :-1]
        return out

    def _activity(self, batch: Batch, head: Tensor, label: Tensor) -> Tensor:
        offsets = torch.arange(1 + len(ACTIVITY_LAGS)) * ACTIVITY_CLASSES
        known = self.activity_known(batch.known + offsets).sum(-2)  # (B, T, P, head)
        pair = self.activity_pair(batch.activity_before * ACTIVITY_CLASSES + batch.activity)
        pair = pair * batch.has_part[:, None, :, None]
        before = pair.cumsum(2) - pair
        inner = (head + self.activity_label(label))[:, :, None] + self.activity_part(self.part(batch.parts))[:, None]
        logits = self.activity_out(gelu(inner + known + before))
        logits = logits.masked_fill(torch.arange(ACTIVITY_CLASSES) < RESTS, -torch.inf)
        real = (batch.real[..., None] & batch.has_part[:, None]).flatten(1)
        return _nats(logits.flatten(1, 2), batch.activity.flatten(1), real)


def gelu(values: Tensor) -> Tensor:
    """The tanh approximation of GELU, elementwise."""
    return F.gelu(values, approximate="tanh")


def _nats(logits: Tensor, target: Tensor, real: Tensor) -> Tensor:
    """(B,) summed cross-entropy where ``real``."""
    wanted = torch.where(real, target, -100)
    losses = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none")
    return losses.view_as(target).sum(1)
