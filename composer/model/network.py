"""The network in torch, for training: one LSTM step a note for the whole band, and five heads, one a field.

Each head is conditioned on the fields chosen before it. ``composer.model.engine`` computes the same without torch.
The recurrent state is passed and returned.

Shape letters: B batch, T time, K lags, V vocabulary, E embedding, I input, H hidden, A histogram bins, L lookback
of a note's fields, S slots (0 for no part, then the parts of the band).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the field's usual alias

from composer.model.config import (
    ACTIVITY_WEIGHTS,
    BASS_PROGRAMS,
    CHORD_CLOCK,
    CHORD_CONDITION_CLASSES,
    CHORD_ROLES,
    LOOKBACK_FIELDS,
    STRENGTH_CLASSES,
    ModelConfig,
)
from composer.model.layers import LayerState, initialise_lstm, locked_dropout, run_lstm
from midi_data.analysis.activity import ACTIVITY_CLASSES, RESTS
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH
from midi_data.chords import QUALITIES
from midi_data.events.encoding import FIELDS, SAME_PROGRAM_LIMIT, VOCABULARY
from midi_data.events.features import lookback_by_field

State = tuple[LayerState, ...]
"""(hidden, cell) of each layer, each (1, B, H)."""


@dataclass(frozen=True, slots=True)
class StepInputs:
    """Inputs of ``T`` steps as classes, time first.

    ``previous`` (T, B, 5): the previous event. ``clock`` (T, B, 10): classes of ``config.CLOCK``. ``position_after``
    (T, B): position in the bar after the time shift. ``next`` (T, B, K, 3), ``part`` (T, B, K), ``note``
    (T, B, L, 3): lookback of ``midi_data.events.features``. ``matched`` (T, B, K) 0/1: the previous event was the
    lag's. ``activity``, ``activity_after`` (T, B, V_part): activity bins in the bar of the previous event, and in the
    bar after the time shift. ``slots`` (T, B, 2): rows of ``Conditions.attribute_histograms`` of the previous event's
    part and of this one's. ``chord`` (T, B, 2): the chord after the time shift (class + 1, 0 unconditioned), and the
    metrical strength there. ``target`` (T, B, 5): the event itself, which later heads are conditioned on.
    """

    previous: Tensor
    clock: Tensor
    position_after: Tensor
    next: Tensor
    part: Tensor
    note: Tensor
    matched: Tensor
    activity: Tensor
    activity_after: Tensor
    slots: Tensor
    chord: Tensor
    target: Tensor

    def to(self, device: torch.device) -> StepInputs:
        """The same inputs on ``device``."""
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in self.__slots__}
        return replace(self, **moved)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions of whole songs.

    ``labels`` (B, C): classes of ``config.CONDITIONS``. ``band`` (B, V_part) bool. ``attribute_histograms`` (B, S, A):
    square roots of each part's shares, 0 where unconditioned. ``parts`` (B, S): part class of each slot, ``V_part`` for
    none.
    """

    labels: Tensor
    band: Tensor
    attribute_histograms: Tensor
    parts: Tensor

    def to(self, device: torch.device) -> Conditions:
        """The same conditions on ``device``."""
        return Conditions(*(getattr(self, name).to(device, non_blocking=True) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Dropouts:
    """Dropout rates as in AWD-LSTM (Merity et al. 2018): masks constant over time, and on recurrent weights."""

    inputs: float = 0.0
    layers: float = 0.0
    outputs: float = 0.0
    recurrent_weights: float = 0.0
    lookback: float = 0.0


class Network(nn.Module):
    """The network; ``dropouts`` apply in training mode only."""

    _activity_weights: Tensor

    def __init__(self, config: ModelConfig, dropouts: Dropouts | None = None) -> None:
        super().__init__()
        self.config = config
        self.dropouts = dropouts or Dropouts()
        widths, inputs = config.field_widths, config.inputs
        # One row more than classes for "none". Input and output of a field share its table.
        self.tables = nn.ModuleDict({f: nn.Embedding(VOCABULARY[f] + 1, widths[f]) for f in FIELDS})
        self.clock_tables = nn.ModuleDict({n: nn.Embedding(c, inputs) for n, c in config.clock_classes.items()})
        self.condition_tables = nn.ModuleDict({n: nn.Embedding(c, inputs) for n, c in config.condition_classes.items()})
        self.previous_in = nn.Linear(sum(widths.values()), inputs)
        next_width = sum(widths[f] for f in LOOKBACK_FIELDS["next"])
        self.next_in = nn.Linear(len(config.lags) * next_width, inputs, bias=False)
        self.matched_in = nn.Linear(len(config.lags), inputs, bias=False)
        self.band_in = nn.Linear(widths["part"], inputs, bias=False)
        self.active_parts_in = nn.Linear(widths["part"], inputs, bias=False)
        self.activity_bonus = nn.Linear(config.head, ACTIVITY_CLASSES, bias=False)
        self.histograms_in = nn.Linear(HISTOGRAMS_WIDTH, inputs, bias=False)
        self.active_histograms_in = nn.Linear(HISTOGRAMS_WIDTH, inputs, bias=False)
        self.part_histograms = nn.Linear(HISTOGRAMS_WIDTH, config.part, bias=False)
        self.register_buffer("_activity_weights", torch.tensor(ACTIVITY_WEIGHTS), persistent=False)
        self.layers = nn.ModuleList(
            nn.LSTM(inputs if layer == 0 else config.hidden, config.hidden) for layer in range(config.layers)
        )
        self.heads = nn.ModuleDict({field: Head(config, field) for field in FIELDS})
        self.apply(_initialise)

    def forward(
        self, inputs: StepInputs, conditions: Conditions, state: State | None
    ) -> tuple[dict[str, Tensor], State]:
        """Logits (T, B, V) of each field given the fields before it, and the state after the last step."""
        hidden, state = self.recur(inputs, conditions, state)
        return self.head_logits(hidden, inputs, conditions), state

    def recur(self, inputs: StepInputs, conditions: Conditions, state: State | None) -> tuple[Tensor, State]:
        """Hidden (T, B, H) of the last layer, and the state of all layers after the last step."""
        x = self._inputs(inputs, conditions)  # (T, B, I)
        x = locked_dropout(x, self.dropouts.inputs, training=self.training)
        after = []
        for index, layer in enumerate(self.layers):
            x, layer_state = run_lstm(
                cast("nn.LSTM", layer), x, state[index] if state else None, self.dropouts.recurrent_weights
            )  # (T, B, H)
            after.append(layer_state)
            rate = self.dropouts.outputs if index == len(self.layers) - 1 else self.dropouts.layers
            x = locked_dropout(x, rate, training=self.training)
        return x, tuple(after)

    def _inputs(self, inputs: StepInputs, conditions: Conditions) -> Tensor:
        """(T, B, I) input of the first layer."""
        events = [self.tables[field](inputs.previous[..., i]) for i, field in enumerate(FIELDS)]  # (T, B, E_f) each
        x = self.previous_in(torch.cat(events, dim=-1))  # (T, B, I)
        ahead = [self.tables[f](inputs.next[..., i]) for i, f in enumerate(LOOKBACK_FIELDS["next"])]  # (T, B, K, E_f)
        lookback = F.dropout(torch.cat(ahead, dim=-1).flatten(-2), self.dropouts.lookback, self.training)
        weights = self._activity_weights[inputs.activity.to(torch.int32)]  # (T, B, V_part)
        x = x + self.next_in(lookback)
        x = x + self.matched_in(inputs.matched) + self.active_parts_in(self._active_parts(weights))
        x = x + select_slots(self.histograms_in(conditions.attribute_histograms), inputs.slots[..., 0])
        x = x + self._active_histograms(weights, conditions)
        for i, table in enumerate(self.clock_tables.values()):
            x = x + table(inputs.clock[..., i])
        total: Tensor = x + self.condition_vector(conditions)
        return total

    def condition_vector(self, conditions: Conditions) -> Tensor:
        """(B, I) sum of the condition embeddings and the band's projection."""
        vector: Tensor = self.band_in(self._band_mean(conditions.band))
        for i, table in enumerate(self.condition_tables.values()):
            vector = vector + table(conditions.labels[:, i])
        return vector

    def _active_parts(self, weights: Tensor) -> Tensor:
        """(T, B, E) sum of part embeddings, weighted by activity (T, B, V_part)."""
        total: Tensor = weights @ cast("nn.Embedding", self.tables["part"]).weight[:-1]
        return total

    def _active_histograms(self, weights: Tensor, conditions: Conditions) -> Tensor:
        """(T, B, I) sum of projected histograms, weighted by activity (T, B, V_part)."""
        at = conditions.parts.clamp(max=weights.shape[-1] - 1).expand(len(weights), -1, -1)  # (T, B, S)
        projected: Tensor = self.active_histograms_in(conditions.attribute_histograms)  # (B, S, I)
        # Slots without a part have histograms of 0, so their weight does not matter.
        return torch.einsum("tbs,bsi->tbi", weights.gather(-1, at).to(projected.dtype), projected)

    def _band_mean(self, band: Tensor) -> Tensor:
        """(B, E) sum of the band's part embeddings over the square root of their number."""
        table = cast("nn.Embedding", self.tables["part"]).weight
        weights = band.to(table.dtype)  # (B, V_part)
        return (weights @ table[:-1]) / weights.sum(-1, keepdim=True).clamp(min=1).sqrt()

    def head_logits(self, hidden: Tensor, inputs: StepInputs, conditions: Conditions) -> dict[str, Tensor]:
        """Logits (T, B, V) of all fields, each given the target's fields before it; −∞ for parts not in the band."""
        chosen = [self.tables[f](inputs.target[..., i]) for i, f in enumerate(FIELDS[:-1])]  # (T, B, E_f) each
        position = self.clock_tables["position"](inputs.position_after)  # (T, B, I)
        lookback = lookback_by_field(inputs.next, inputs.part, inputs.note)  # (T, B, K or L) each
        logits = {}
        for i, field in enumerate(FIELDS):
            head, table = cast("Head", self.heads[field]), cast("nn.Embedding", self.tables[field])
            part_context = head.part_context(conditions, inputs.slots[..., 1], inputs.chord[..., 0])
            inner = head.inner(hidden, chosen[:i], position if i else None, lookback[field], table, part_context)
            logits[field] = head(inner, lookback[field], table)
            if field == "pitch":
                logits[field] = logits[field] + head.chord_logits(inner, inputs.chord, inputs.target[..., 1])
            if field == "part":
                with_histograms = self._add_histograms(logits[field], head.to_table(inner), conditions)
                logits[field] = self._add_activity(with_histograms, inner, inputs.activity_after)
        logits["part"] = logits["part"].masked_fill(~conditions.band, float("-inf"))
        return logits

    def _add_histograms(self, logits: Tensor, wanted: Tensor, conditions: Conditions) -> Tensor:
        """Part logits (T, B, V) as if each part's embedding included its projected histograms. ``wanted`` (T, B, E)."""
        rows = self.part_histograms(conditions.attribute_histograms)  # (B, S, E)
        more = torch.einsum("tbe,bse->tbs", wanted, rows.to(wanted.dtype)).float()
        at = conditions.parts.expand(len(logits), -1, -1)  # (T, B, S)
        return F.pad(logits, (0, 1)).scatter_add(-1, at, more)[..., :-1]

    def _add_activity(self, logits: Tensor, inner: Tensor, activity: Tensor) -> Tensor:
        """Part logits (T, B, V) with a learnt bonus by activity bin; −∞ for parts that rest in the bar."""
        bonus: Tensor = F.linear(inner, self.activity_bonus.weight).float().gather(-1, activity.to(torch.int64))
        return (logits + bonus).masked_fill(activity == RESTS, float("-inf"))


class Head(nn.Module):
    """Head of one field: hidden, chosen fields, position and lookback → logits over the tied embedding table.

    Each lookback class also gets a learnt bonus (a gated copy), so that a riff can repeat exactly.
    """

    def __init__(self, config: ModelConfig, field: str) -> None:
        super().__init__()
        before = sum(config.field_widths[f] for f in FIELDS[: FIELDS.index(field)])
        width, lookback = config.field_widths[field], config.lookback_size(field)
        self.from_hidden = nn.Linear(config.hidden, config.head)
        self.from_chosen = nn.Linear(before, config.head, bias=False) if before else None
        self.from_position = nn.Linear(config.inputs, config.head, bias=False) if before else None
        self.from_lookback = nn.Linear(lookback * width, config.head, bias=False)
        of_note = field in LOOKBACK_FIELDS["note"]
        self.from_histograms = nn.Linear(HISTOGRAMS_WIDTH, config.head, bias=False) if of_note else None
        self.from_chord = nn.Embedding(CHORD_CONDITION_CLASSES, config.head) if of_note else None
        if field == "pitch":
            self.interval = nn.Linear(config.head, 12, bias=False)
            self.chord_bonus = nn.Parameter(torch.zeros(CHORD_ROLES, len(QUALITIES), STRENGTH_CLASSES, 12))
        self.to_table = nn.Linear(config.head, width)
        self.copy = nn.Linear(config.head, lookback)
        self.bias = nn.Parameter(torch.zeros(VOCABULARY[field]))

    def part_context(self, conditions: Conditions, slots: Tensor, chord: Tensor) -> Tensor | None:
        """(T, B, head) projected histograms of the parts in ``slots`` and ``chord`` (T, B); for note fields only."""
        if self.from_histograms is None or self.from_chord is None:
            return None
        embedded: Tensor = self.from_chord(chord.to(torch.int64))
        return select_slots(self.from_histograms(conditions.attribute_histograms), slots) + embedded

    def chord_logits(self, inner: Tensor, chord: Tensor, part: Tensor) -> Tensor:
        """(T, B, V_pitch) logits by interval above the chord's root; 0 for drums and without a chord.

        One term is learned by role, quality, metrical strength and interval, one is projected from ``inner``.
        """
        kind = chord[..., 0].to(torch.int64) - 2  # (T, B): −2 unconditioned, −1 no chord
        root, quality = kind.clamp(min=0) // len(QUALITIES), kind.clamp(min=0) % len(QUALITIES)
        role = self._role(part)
        bonus = self.chord_bonus[role.clamp(max=1), quality, chord[..., 1].to(torch.int64)]  # (T, B, 12)
        by_interval = (self.interval(inner) + bonus).float() * ((kind >= 0) & (role < CHORD_ROLES))[..., None]
        above = (torch.arange(128, device=part.device) - root[..., None]) % 12  # (T, B, 128)
        return F.pad(by_interval.gather(-1, above), (0, VOCABULARY["pitch"] - 128))

    @staticmethod
    def _role(part: Tensor) -> Tensor:
        """(T, B) roles of parts, as ``composer.model.config.chord_role``."""
        program = part // SAME_PROGRAM_LIMIT - 1
        role = torch.where((program >= BASS_PROGRAMS[0]) & (program <= BASS_PROGRAMS[1]), 0, 1)
        return torch.where((program < 0) | (part >= VOCABULARY["part"]), CHORD_ROLES, role)

    def inner(
        self,
        hidden: Tensor,
        chosen: Sequence[Tensor],
        position: Tensor | None,
        lookback: Tensor,
        table: nn.Embedding,
        part_context: Tensor | None,
    ) -> Tensor:
        """(T, B, head) activations of the hidden layer. ``lookback`` (T, B, K) classes of this field at each lag."""
        x = self.from_hidden(hidden) + self.from_lookback(table(lookback).flatten(-2))  # (T, B, head)
        if part_context is not None:
            x = x + part_context
        if self.from_chosen is not None and self.from_position is not None and position is not None:
            x = x + self.from_chosen(torch.cat(list(chosen), dim=-1)) + self.from_position(position)
        return F.gelu(x, approximate="tanh")

    def forward(self, x: Tensor, lookback: Tensor, table: nn.Embedding) -> Tensor:
        """(T, B, head) from ``inner`` → logits (T, B, V)."""
        logits = F.linear(self.to_table(x), table.weight[:-1], self.bias).float()  # (T, B, V)
        bonus = self.copy(x).float()  # (T, B, K)
        # The padding column receives the bonus of "none" and is cut off.
        padded = F.pad(logits, (0, 1)).scatter_add(-1, lookback, bonus)
        return padded[..., :-1]


def select_slots(rows: Tensor, slots: Tensor) -> Tensor:
    """(T, B, W): row ``slots[t, b]`` of each song's ``rows`` (B, S, W)."""
    return rows[torch.arange(rows.shape[0], device=rows.device), slots]


def field_nll(logits: Mapping[str, Tensor], target: Tensor) -> dict[str, Tensor]:
    """Negative log-likelihood in nats of each field, (T, B); 0 where ``target`` (T, B, 5) is class V or −100."""
    losses = {}
    for i, field in enumerate(FIELDS):
        wanted = target[..., i]
        wanted = torch.where((wanted >= VOCABULARY[field]) | (wanted < 0), -100, wanted)
        losses[field] = F.cross_entropy(logits[field].flatten(0, 1), wanted.flatten(), reduction="none").view_as(wanted)
    return losses


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
    elif isinstance(module, Network):
        projections = (module.histograms_in, module.active_histograms_in, module.part_histograms)
        for linear in (module.activity_bonus, *projections):
            nn.init.zeros_(linear.weight)
        for name in CHORD_CLOCK:
            nn.init.zeros_(cast("nn.Embedding", module.clock_tables[name]).weight)
    elif isinstance(module, Head) and module.from_histograms:
        nn.init.zeros_(module.from_histograms.weight)
        nn.init.zeros_(cast("nn.Embedding", module.from_chord).weight)
        if hasattr(module, "interval"):
            nn.init.zeros_(module.interval.weight)
    elif isinstance(module, nn.LSTM):
        initialise_lstm(module)
