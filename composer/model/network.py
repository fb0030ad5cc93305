"""The network in torch: one LSTM step a note for the whole band, five heads conditioned on one another.

Used to train, and to compose on a GPU; on a CPU ``composer.model.engine`` computes the same numbers without torch.
State goes in and comes out, it never lives on ``self``. Knows nothing of sampling, files or corpora.

Shape letters: B batch, T time, K lags, V vocabulary, E embedding, I input, H hidden, L layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the field's own name for it

from composer.model.config import ACTIVITY_WEIGHTS, LOOKBACK_FIELDS, ModelConfig
from composer.model.layers import LayerState, initialise_lstm, locked_dropout, run_lstm
from midi_data.analysis.activity import ACTIVITY_CLASSES, RESTS
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH
from midi_data.events.encoding import FIELDS, VOCABULARY

State = tuple[LayerState, ...]
"""(hidden, cell) of each layer, each (1, B, H)."""


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What the network may see, as classes. Time first.

    ``previous`` (T, B, 5) the event before. ``clock`` (T, B, 7) classes of ``shapes.CLOCK``.
    ``position_after`` (T, B): position once the advance is chosen. ``next`` (T, B, K, 3), ``part`` (T, B, K),
    ``note`` (T, B, K + 1, 3): lookback as in ``midi_data.events.features``. ``matched`` (T, B, K) 0/1: the event
    before was what
    that lag held. ``activity`` and ``activity_after`` (T, B, V_part): how much each part plays in the bar of the event
    before, and in the bar once the advance is chosen (``midi_data.analysis.activity``). ``slots`` (T, B, 2): rows of
    ``Conditions.attribute_histograms`` of the part that played before and of the one that plays; 0 for none.
    ``target`` (T, B, 5): the event itself, which later heads are conditioned on.
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
    target: Tensor

    def to(self, device: torch.device) -> StepInputs:
        """The same inputs on ``device``."""
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in self.__slots__}
        return replace(self, **moved)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a whole song is asked to be. ``labels`` (B, C): classes of ``shapes.CONDITIONS``. ``band`` (B, V_part).

    ``attribute_histograms`` (B, S, W): roots of the shares that each part of the band keeps to
    (``midi_data.analysis.attribute_histograms``), row 0
    of nobody; all 0 where nothing is told. ``parts`` (B, S): the part class of each row, ``V_part`` for none.
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
    """Dropout rates of the AWD kind (Merity et al. 2018): whole time-constant masks, and recurrent weights."""

    inputs: float = 0.0
    layers: float = 0.0
    outputs: float = 0.0
    recurrent_weights: float = 0.0
    lookback: float = 0.0


class Network(nn.Module):
    """See the module's docstring. ``shape`` fixes every width; ``dropouts`` act in training only."""

    _activity_weights: Tensor

    def __init__(self, config: ModelConfig, dropouts: Dropouts | None = None) -> None:
        super().__init__()
        self.config = config
        self.dropouts = dropouts or Dropouts()
        widths = config.field_widths
        # One row more than classes: "nothing there". Input and output of a field share its table.
        self.tables = nn.ModuleDict({f: nn.Embedding(VOCABULARY[f] + 1, widths[f]) for f in FIELDS})
        self.clock_tables = nn.ModuleDict({n: nn.Embedding(c, config.inputs) for n, c in config.clock_classes.items()})
        self.condition_tables = nn.ModuleDict(
            {n: nn.Embedding(c, config.inputs) for n, c in config.condition_classes.items()}
        )
        every_field = sum(widths.values())
        self.previous_in = nn.Linear(every_field, config.inputs)
        looked_at = sum(widths[f] for f in LOOKBACK_FIELDS["next"])
        self.next_in = nn.Linear(len(config.lags) * looked_at, config.inputs, bias=False)
        self.matched_in = nn.Linear(len(config.lags), config.inputs, bias=False)
        self.band_in = nn.Linear(widths["part"], config.inputs, bias=False)
        self.active_parts_in = nn.Linear(widths["part"], config.inputs, bias=False)
        self.activity_bonus = nn.Linear(config.head, ACTIVITY_CLASSES, bias=False)
        self.histograms_in = nn.Linear(HISTOGRAMS_WIDTH, config.inputs, bias=False)
        self.active_histograms_in = nn.Linear(HISTOGRAMS_WIDTH, config.inputs, bias=False)
        self.part_histograms = nn.Linear(HISTOGRAMS_WIDTH, config.part, bias=False)
        self.register_buffer("_activity_weights", torch.tensor(ACTIVITY_WEIGHTS), persistent=False)
        self.layers = nn.ModuleList(
            nn.LSTM(config.inputs if layer == 0 else config.hidden, config.hidden) for layer in range(config.layers)
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
        """Hidden (T, B, H) of the last layer, and the state of all."""
        x = self._inputs(inputs, conditions)
        x = locked_dropout(x, self.dropouts.inputs, training=self.training)
        after = []
        for index, layer in enumerate(self.layers):
            x, layer_state = run_lstm(
                cast("nn.LSTM", layer), x, state[index] if state else None, self.dropouts.recurrent_weights
            )
            after.append(layer_state)
            rate = self.dropouts.outputs if index == len(self.layers) - 1 else self.dropouts.layers
            x = locked_dropout(x, rate, training=self.training)
        return x, tuple(after)

    def _inputs(self, inputs: StepInputs, conditions: Conditions) -> Tensor:
        events = [self.tables[field](inputs.previous[..., i]) for i, field in enumerate(FIELDS)]
        x = self.previous_in(torch.cat(events, dim=-1))
        looks = [
            self.tables[f](inputs.next[..., i]) for i, f in enumerate(LOOKBACK_FIELDS["next"])
        ]  # each (T, B, K, E_f)
        seen = torch.cat(looks, dim=-1).flatten(-2)
        x = x + self.next_in(F.dropout(seen, self.dropouts.lookback, self.training))
        much = self._activity_weights[inputs.activity.to(torch.int32)]  # (T, B, V_part)
        x = x + self.matched_in(inputs.matched) + self.active_parts_in(self._playing(much))
        x = x + of_slots(self.histograms_in(conditions.attribute_histograms), inputs.slots[..., 0])
        x = x + self._active_histograms(much, conditions)
        for i, table in enumerate(self.clock_tables.values()):
            x = x + table(inputs.clock[..., i])
        whole: Tensor = x + self.condition_vector(conditions)
        return whole

    def condition_vector(self, conditions: Conditions) -> Tensor:
        """(B, I): the sum of all condition embeddings and of the band's."""
        vector: Tensor = self.band_in(self._band_mean(conditions.band))
        for i, table in enumerate(self.condition_tables.values()):
            vector = vector + table(conditions.labels[:, i])
        return vector

    def _playing(self, much: Tensor) -> Tensor:
        """(T, B, E): the parts of the present bar, each by how ``much`` it plays."""
        playing: Tensor = much @ cast("nn.Embedding", self.tables["part"]).weight[:-1]
        return playing

    def _active_histograms(self, much: Tensor, conditions: Conditions) -> Tensor:
        """(T, B, I): the tendencies of the present bar's parts, each by how ``much`` it plays."""
        at = conditions.parts.clamp(max=much.shape[-1] - 1).expand(len(much), -1, -1)
        told: Tensor = self.active_histograms_in(conditions.attribute_histograms)
        # Rows of nobody are 0, whatever weight they take.
        return torch.einsum("tbs,bsi->tbi", much.gather(-1, at).to(told.dtype), told)

    def _band_mean(self, band: Tensor) -> Tensor:
        table = cast("nn.Embedding", self.tables["part"]).weight
        weights = band.to(table.dtype)
        return (weights @ table[:-1]) / weights.sum(-1, keepdim=True).clamp(min=1).sqrt()

    def head_logits(self, hidden: Tensor, inputs: StepInputs, conditions: Conditions) -> dict[str, Tensor]:
        """Logits of all fields, each given the target's fields before it; the part head knows the band only."""
        embedded = {f: self.tables[f](inputs.target[..., i]) for i, f in enumerate(FIELDS[:-1])}
        position = self.clock_tables["position"](inputs.position_after)
        looks = {
            "time_shift": inputs.next[..., :1],
            "part": inputs.part[..., None],
            "pitch": inputs.note[..., :1],
            "duration": inputs.note[..., 1:2],
            "velocity": inputs.note[..., 2:],
        }
        logits = {}
        for i, field in enumerate(FIELDS):
            head, table = cast("Head", self.heads[field]), cast("nn.Embedding", self.tables[field])
            seen = looks[field].squeeze(-1)
            told = head.attribute_histograms(conditions, inputs.slots[..., 1])
            inner = head.inner(hidden, [embedded[f] for f in FIELDS[:i]], position if i else None, seen, table, told)
            logits[field] = head(inner, seen, table)
            if field == "part":
                inclined = self._inclined(logits[field], head.to_table(inner), conditions)
                logits[field] = self._arranged(inclined, inner, inputs.activity_after)
        logits["part"] = logits["part"].masked_fill(~conditions.band, float("-inf"))
        return logits

    def _inclined(self, logits: Tensor, wanted: Tensor, conditions: Conditions) -> Tensor:
        """Part logits as if each part's row of the table had its tendencies added. ``wanted`` (T, B, E)."""
        rows = self.part_histograms(conditions.attribute_histograms)
        more = torch.einsum("tbe,bse->tbs", wanted, rows.to(wanted.dtype)).float()
        at = conditions.parts.expand(len(logits), -1, -1)
        return F.pad(logits, (0, 1)).scatter_add(-1, at, more)[..., :-1]

    def _arranged(self, logits: Tensor, inner: Tensor, activity: Tensor) -> Tensor:
        """Part logits with a learnt bonus by level; what rests in this bar cannot come."""
        bonus: Tensor = F.linear(inner, self.activity_bonus.weight).float().gather(-1, activity.to(torch.int64))
        return (logits + bonus).masked_fill(activity == RESTS, float("-inf"))


class Head(nn.Module):
    """Chooses one field: hidden, fields chosen so far, position and lookback → logits over the tied table.

    Besides the table's logits, each lag's own class gets a learnt bonus (a gated copy): a riff can come back exactly.
    """

    def __init__(self, config: ModelConfig, field: str) -> None:
        super().__init__()
        before = sum(config.field_widths[f] for f in FIELDS[: FIELDS.index(field)])
        width = config.field_widths[field]
        self.from_hidden = nn.Linear(config.hidden, config.head)
        self.from_chosen = nn.Linear(before, config.head, bias=False) if before else None
        self.from_position = nn.Linear(config.inputs, config.head, bias=False) if before else None
        looks = config.lookback_size(field)
        self.from_lookback = nn.Linear(looks * width, config.head, bias=False)
        of_a_part = field in LOOKBACK_FIELDS["note"]
        self.from_histograms = nn.Linear(HISTOGRAMS_WIDTH, config.head, bias=False) if of_a_part else None
        self.to_table = nn.Linear(config.head, width)
        self.copy = nn.Linear(config.head, looks)
        self.bias = nn.Parameter(torch.zeros(VOCABULARY[field]))

    def attribute_histograms(self, conditions: Conditions, slots: Tensor) -> Tensor | None:
        """(T, B, head): what the tendencies of the part that plays say, for the fields that follow it."""
        return of_slots(self.from_histograms(conditions.attribute_histograms), slots) if self.from_histograms else None

    def inner(
        self,
        hidden: Tensor,
        chosen: Sequence[Tensor],
        position: Tensor | None,
        looks: Tensor,
        table: nn.Embedding,
        told: Tensor | None,
    ) -> Tensor:
        """(T, B, head) what the head makes of all it sees. ``looks`` (T, B, K) classes of this field at each lag."""
        x = self.from_hidden(hidden) + self.from_lookback(table(looks).flatten(-2))
        if told is not None:
            x = x + told
        if self.from_chosen is not None and self.from_position is not None and position is not None:
            x = x + self.from_chosen(torch.cat(list(chosen), dim=-1)) + self.from_position(position)
        return F.gelu(x, approximate="tanh")

    def forward(self, x: Tensor, looks: Tensor, table: nn.Embedding) -> Tensor:
        """``inner``'s (T, B, head) → logits (T, B, V)."""
        logits = F.linear(self.to_table(x), table.weight[:-1], self.bias).float()
        bonus = self.copy(x).float()
        # A column for "nothing there" takes that bonus away with it.
        padded = F.pad(logits, (0, 1)).scatter_add(-1, looks, bonus)
        return padded[..., :-1]


def of_slots(rows: Tensor, slots: Tensor) -> Tensor:
    """(T, B, W): of each song's ``rows`` (B, S, W) those that ``slots`` (T, B) name."""
    return rows[torch.arange(rows.shape[0], device=rows.device), slots]


def field_nll(logits: Mapping[str, Tensor], target: Tensor) -> dict[str, Tensor]:
    """Negative log-likelihood in nats of each field, (T, B); 0 where the target has no such field (class V or −100)."""
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
        for told in (module.activity_bonus, module.histograms_in, module.active_histograms_in, module.part_histograms):
            nn.init.zeros_(told.weight)
    elif isinstance(module, Head) and module.from_histograms:
        nn.init.zeros_(module.from_histograms.weight)
    elif isinstance(module, nn.LSTM):
        initialise_lstm(module)
