"""The network of ``composer.model.network`` in numpy, a step at a time: what composing and scoring on a CPU run on.

Everything linear before a nonlinearity is folded into tables when the weights are packed: an input is a row to add,
not a product. What is left a step is one product a recurrent layer, one for all heads, and a small one a head.

``exact=True`` (composing) holds large weights and activations in whole numbers (``composer.model.quantized``), the
rest on the
grids of ``composer.model.fixed_point``: the same bits on every machine, alone or in a batch. ``exact=False``
(scoring, tests) is
plain float32, equal to the torch module to 1e-4.

Shape letters: B batch, K lags, V vocabulary, I input, H hidden, L layers, G = 4 H gates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.activations import FloatActivations, TableActivations
from composer.model.attribute_projections import WEIGHTS, AttributeProjections, incline
from composer.model.checkpoint import Checkpoint
from composer.model.config import ACTIVITY_WEIGHTS, CLOCK, CONDITIONS, LOOKBACK_FIELDS
from composer.model.fixed_point import OUT_BITS, ROW_BITS, Floats, on_grid
from composer.model.quantized import ZERO_POINT, Int8Linear
from midi_data.analysis.activity import Activity
from midi_data.events.encoding import FIELDS, VOCABULARY, Ints

Hidden = NDArray[Any]
"""(B, H) activations: float32, in an exact engine bytes around ``ZERO_POINT``."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """``hidden`` and ``cell`` (L, B, H): goes in and comes out, like the torch module's state.

    ``hidden`` is float32, and in an exact engine bytes as ``composer.model.quantized`` takes them.
    """

    hidden: Hidden
    cell: Floats

    def without(self, rows: Collection[int]) -> EngineState:
        """The state of all songs but those in ``rows``."""
        kept = [row for row in range(self.hidden.shape[1]) if row not in rows]
        return EngineState(self.hidden[:, kept], self.cell[:, kept])

    def beside(self, other: EngineState) -> EngineState:
        """The state of these songs, then of those of ``other``."""
        return EngineState(
            np.concatenate([self.hidden, other.hidden], axis=1), np.concatenate([self.cell, other.cell], axis=1)
        )


class Engine:
    """Packed weights and the functions of one step. Holds no state of any song; one engine serves all."""

    def __init__(self, checkpoint: Checkpoint, *, exact: bool = True) -> None:
        self.config = checkpoint.config
        self.exact = exact
        weights = checkpoint.weights | self._reordered(checkpoint.weights)
        # Folded in float64 before rounding to the grid: in float32, BLAS kernels round some entries differently.
        self._weights: dict[str, NDArray[Any]] = (
            {name: weight.astype(np.float64) if _is_folded(name) else weight for name, weight in weights.items()}
            if exact
            else weights
        )
        self._curves = TableActivations() if exact else FloatActivations()
        rows, self._input_first = self._pack_inputs()
        self._input_rows: NDArray[Any]
        self._input_rows, self._row_step = _in_words(rows) if exact else (rows, np.float32(1))
        layers, unit = range(self.config.layers), self._curves.unit
        self._recurrent = [self._product(self._recurrent_weights(layer), unit) for layer in layers]
        self._layer_bias = [self._gates(self._bias(layer)) for layer in layers]
        self._heads_in = self._product(np.concatenate([self._weights[f"heads.{f}.from_hidden.weight"] for f in FIELDS]))
        self.heads = {field: self._pack_head(field) for field in FIELDS}
        self._heads_bias = np.concatenate([self.heads[field].bias_in for field in FIELDS])
        self.row_starts = self._row_starts()
        self._first_bias = self._bias(0)
        # What conditions are made of is all that is needed from here on, in double precision: products round to the
        # same grid point whatever the order of summation.
        self._weights = {n: weight.astype(np.float64) for n, weight in self._weights.items() if _for_conditions(n)}

    # -- packing ---------------------------------------------------------------------------------------------------

    def _reordered(self, weights: Mapping[str, Floats]) -> dict[str, Floats]:
        """The layers' weights, their gates in the order input, forget, output, candidate: one curve for three."""
        found = {}
        for name in (name for name in weights if name.startswith("layers.")):
            first, second, candidate, output = np.split(weights[name], 4)  # torch's order
            found[name] = np.concatenate([first, second, output, candidate])
        return found

    def _product(self, weights: Floats, unit: float = 1.0) -> Product:
        """The product of activations (B, in) with a weight matrix (out, in), ``unit`` times as large."""
        return Int8Linear(weights, unit) if self.exact else FloatLinear(weights)

    def _addend(self, rows: NDArray[np.floating]) -> Floats:
        return np.ascontiguousarray(on_grid(rows, ROW_BITS) if self.exact else rows, dtype=np.float32)

    def _gates(self, rows: NDArray[np.floating]) -> Floats:
        """What is added before the gates, in the unit that their curves take."""
        return self._addend(rows) * np.float32(self._curves.unit)

    def _bias(self, layer: int) -> Floats:
        bias: Floats = self._weights[f"layers.{layer}.bias_ih_l0"] + self._weights[f"layers.{layer}.bias_hh_l0"]
        return bias

    def _recurrent_weights(self, layer: int) -> Floats:
        own = self._weights[f"layers.{layer}.weight_hh_l0"]
        if layer == 0:
            return own  # the input's part is folded into the rows
        return np.concatenate([self._weights[f"layers.{layer}.weight_ih_l0"], own], axis=1)

    def _pack_inputs(self) -> tuple[Floats, dict[str, int]]:
        """Rows (R, G) of everything that is added before the first layer's gates, and each group's first row."""
        weights = self._weights
        widths = self.config.field_widths
        tables = {field: weights[f"tables.{field}.weight"] for field in FIELDS}
        groups: dict[str, Floats] = {}
        column = 0
        for field in FIELDS:
            part = weights["previous_in.weight"][:, column : column + widths[field]]
            groups[f"previous.{field}"] = tables[field] @ part.T
            column += widths[field]
        column = 0
        for lag in range(len(self.config.lags)):
            for field in LOOKBACK_FIELDS["next"]:
                part = weights["next_in.weight"][:, column : column + widths[field]]
                groups[f"next.{lag}.{field}"] = tables[field] @ part.T
                column += widths[field]
        for name in CLOCK:
            groups[f"clock.{name}"] = weights[f"clock_tables.{name}.weight"]
        matched = weights["matched_in.weight"].T
        # An even row of zeros and an odd one of the weight: a flag picks one.
        groups["matched"] = np.stack([np.zeros_like(matched), matched], axis=1).reshape(-1, matched.shape[1])
        groups["matches"] = np.zeros((1 << len(self.config.lags), matched.shape[1]), dtype=np.float32)
        counts = [len(group) for group in groups.values()]
        first = dict(zip(groups, np.cumsum([0, *counts]).tolist(), strict=False))
        to_gates = weights["layers.0.weight_ih_l0"].T
        rows = np.empty((sum(counts), to_gates.shape[1]), dtype=np.float32)
        for name, group in groups.items():
            rows[first[name] : first[name] + len(group)] = self._gates(group @ to_gates)
        for lag in range(len(self.config.lags)):  # every combination of matched lags as one row: its bits say which
            own = np.arange(1 << len(self.config.lags)) >> lag & 1
            rows[first["matches"] :] += rows[first["matched"] + 2 * lag + own]
        return rows, first

    def _row_starts(self) -> Ints:
        """(5 + 1 + 3 K + 1,): the first row of each of ``composer.decoding.song_state``'s inputs."""
        first, lags = self._input_first, range(len(self.config.lags))
        starts = [first[f"previous.{f}"] for f in FIELDS] + [first["clock.position"]]
        starts += [first[f"next.{lag}.{f}"] for lag in lags for f in LOOKBACK_FIELDS["next"]]
        return np.array([*starts, first["matches"]], dtype=np.int64)

    def _pack_head(self, field: str) -> Head:
        weights, widths = self._weights, self.config.field_widths
        prefix = f"heads.{field}"
        tables = {f: weights[f"tables.{f}.weight"] for f in FIELDS}
        groups: dict[str, Floats] = {}
        column = 0
        for before in FIELDS[: FIELDS.index(field)]:
            part = weights[f"{prefix}.from_chosen.weight"][:, column : column + widths[before]]
            groups[f"chosen.{before}"] = tables[before] @ part.T
            column += widths[before]
        if field != FIELDS[0]:
            groups["position"] = weights["clock_tables.position.weight"] @ weights[f"{prefix}.from_position.weight"].T
        for look in range(self.config.lookback_size(field)):
            part = weights[f"{prefix}.from_lookback.weight"][:, look * widths[field] : (look + 1) * widths[field]]
            groups[f"look.{look}"] = tables[field] @ part.T
        first = np.cumsum([0, *(len(g) for g in groups.values())])[:-1]
        classes = tables[field][:-1]
        activity = (
            weights["activity_bonus.weight"] if field == "part" else np.zeros((0, self.config.head), dtype=np.float32)
        )
        out = np.concatenate(
            [classes @ weights[f"{prefix}.to_table.weight"], weights[f"{prefix}.copy.weight"], activity]
        )
        bias = np.concatenate(
            [
                classes @ weights[f"{prefix}.to_table.bias"] + weights[f"{prefix}.bias"],
                weights[f"{prefix}.copy.bias"],
                np.zeros(len(activity), dtype=np.float32),
            ]
        )
        return Head(
            rows=self._addend(np.concatenate(list(groups.values()))),
            first=first.astype(np.int64),
            bias_in=self._addend(weights[f"{prefix}.from_hidden.bias"]),
            out=np.ascontiguousarray((on_grid(out, OUT_BITS).astype(np.float64) if self.exact else out).T),
            bias_out=self._addend(bias),
            classes=VOCABULARY[field],
        )

    @property
    def products(self) -> list[Product]:
        """The large products of a step, in order."""
        return [*self._recurrent, self._heads_in]

    # -- one step --------------------------------------------------------------------------------------------------

    def start(self, batch: int) -> EngineState:
        """The state before a song's first step."""
        zeros = np.zeros((self.config.layers, batch, self.config.hidden), dtype=np.float32)
        return EngineState(np.full(zeros.shape, ZERO_POINT, dtype=np.uint8) if self.exact else zeros, zeros)

    def condition(self, labels: Sequence[Sequence[tuple[int, float]]], band: Sequence[int]) -> Floats:
        """(G,): what a song's conditions add to the first layer's gates.

        ``labels``: for each of ``CONDITIONS`` its rows with weights (several for a blend). ``band``: part classes.
        """
        parts = self._weights["tables.part.weight"][list(band)].sum(axis=0) / np.sqrt(max(len(band), 1))
        vector = self._weights["band_in.weight"] @ parts + self._weights["previous_in.bias"]
        for name, rows in zip(CONDITIONS, labels, strict=True):
            table = self._weights[f"condition_tables.{name}.weight"]
            for row, share in rows:
                vector = vector + share * table[row]
        return self._gates(self._weights["layers.0.weight_ih_l0"] @ vector + self._first_bias)

    def playing(self, activity: Activity, band: Sequence[int], roots: NDArray[np.float64] | None = None) -> Floats:
        """(bars, G): what an arrangement (bars, parts of the band) adds to the first layer's gates, bar by bar.

        ``roots`` of the parts' tendencies as in ``composer.model.attribute_projections``; without them none are told.
        """
        weights = np.asarray(ACTIVITY_WEIGHTS)[activity]
        vector = weights @ self._weights["tables.part.weight"][list(band)] @ self._weights["active_parts_in.weight"].T
        if roots is not None:
            vector = vector + weights @ roots[1:] @ self._weights["active_histograms_in.weight"].T
        return self._gates(vector @ self._weights["layers.0.weight_ih_l0"].T)

    def inclined(self, roots: NDArray[np.float64]) -> AttributeProjections:
        """What the ``roots`` (1 + parts of the band, W) of a song's tendencies add."""
        found = incline(roots, self._weights, self._gates, self._addend)
        if not self.exact:
            return found
        out, bias = on_grid(found.out, OUT_BITS), on_grid(found.bias, ROW_BITS)
        return replace(found, out=out.astype(np.float64), bias=bias.astype(np.float64))

    def input_rows(self, previous: Ints, clock: Ints, following: Ints, matched: Ints) -> Ints:
        """Row numbers (…, 5 + 7 + 3 K + K) of a step's inputs: classes as in ``composer.model.network.StepInputs``."""
        first = self._input_first
        lags = len(self.config.lags)
        starts = [first[f"previous.{f}"] for f in FIELDS] + [first[f"clock.{n}"] for n in CLOCK]
        starts += [first[f"next.{lag}.{f}"] for lag in range(lags) for f in LOOKBACK_FIELDS["next"]]
        flags = matched + (first["matched"] + 2 * np.arange(lags))
        flat = following.reshape(*following.shape[:-2], -1)
        return np.concatenate([np.concatenate([previous, clock, flat], axis=-1) + starts, flags], axis=-1)

    def bar_gates(self, clock: Ints) -> Floats:
        """(bars, G): what the clock (bars, 7) adds in each bar, all but the position."""
        starts = np.array([self._input_first[f"clock.{name}"] for name in CLOCK[1:]], dtype=np.int64)
        return self.input_gates(clock[:, 1:] + starts)

    def recur(self, rows: Ints, condition: Floats, state: EngineState) -> EngineState:
        """One step of all layers. ``rows`` (B, R) from ``input_rows``, ``condition`` (B, G)."""
        return self.step(self.input_gates(rows) + condition, state)

    def input_gates(self, rows: Ints) -> Floats:
        """(…, G): the sum of the rows (…, R) that ``input_rows`` names."""
        total: Floats = np.add.reduce(self._input_rows.take(rows, axis=0), axis=-2, dtype=np.float32)
        total *= self._row_step
        return total

    def step(self, gates: Floats, state: EngineState) -> EngineState:
        """One step from the first layer's input gates (B, G), biases included."""
        hidden, cell = np.empty_like(state.hidden), np.empty_like(state.cell)
        for layer, product in enumerate(self._recurrent):
            if layer == 0:
                total = product(state.hidden[0], gates)
            else:
                both = np.concatenate([hidden[layer - 1], state.hidden[layer]], axis=-1)
                total = product(both, self._layer_bias[layer])
            self._cell(total, state.cell[layer], hidden[layer], cell[layer])
        return EngineState(hidden, cell)

    def _cell(self, gates: Floats, before: Floats, hidden: Hidden, cell: Floats) -> None:
        """One layer: its gates (B, 4 H) and its cell before, to its hidden and cell."""
        size, curves = self.config.hidden, self._curves
        opened, candidate = curves.gates(gates)
        np.multiply(opened[..., size : 2 * size], before, out=cell)
        candidate *= opened[..., :size]
        cell += candidate
        shown = curves.cell(cell)
        shown *= opened[..., 2 * size :]
        if self.exact:  # in steps of 1 / 127: to the nearest byte
            shown += ZERO_POINT + 0.5
        np.copyto(hidden, shown, casting="unsafe")

    def before_heads(self, hidden: Hidden) -> Floats:
        """(B, 5, head): what the last layer's hidden gives each head, its bias included."""
        products = self._heads_in(hidden.reshape(-1, hidden.shape[-1]), self._heads_bias)
        return products.reshape(*hidden.shape[:-1], len(FIELDS), self.config.head)

    def logits(
        self, field: str, before: Floats, chosen: Ints, position: Ints | None, looks: Ints, activity: Ints | None = None
    ) -> NDArray[np.floating]:
        """Logits (B, V) of a field.

        ``before`` (B, 5, head) from ``before_heads``; ``chosen`` (B, fields before); ``position`` (B, 1) after the
        advance (``None`` for the advance itself); ``looks`` (B, K or K + 1) classes seen back. ``activity`` (B, V), for
        the part: how much each plays in this bar; nothing told where it is left out.
        """
        head = self.heads[field]
        index = np.concatenate([chosen, looks] if position is None else [chosen, position, looks], axis=-1) + head.first
        inner = before[..., FIELDS.index(field), :] + head.rows.take(index, axis=0).sum(axis=-2)
        out = self.activated(inner) @ head.out + head.bias_out
        logits = head.with_copies(out[..., : head.classes + looks.shape[-1]], looks)
        if activity is None:
            return logits
        bonus: NDArray[np.floating] = out[..., head.classes + looks.shape[-1] :]
        return logits + np.take_along_axis(bonus, activity, axis=-1)

    def activated(self, inner: Floats) -> NDArray[np.floating]:
        """A head's own curve; in double precision in an exact engine."""
        return self._curves.gelu(inner)


@dataclass(frozen=True, slots=True)
class Head:
    """One head, packed: ``rows`` to add before its curve, the group of each from ``first`` on; ``out`` after it.

    ``out`` (head, V + looks + levels): the classes, each look's bonus, and for the part each level's; in double
    precision in an exact engine.
    """

    rows: Floats
    first: Ints
    bias_in: Floats
    out: NDArray[np.floating]
    bias_out: Floats
    classes: int

    def with_copies(self, out: NDArray[np.floating], looks: Ints) -> NDArray[np.floating]:
        """Logits with each lag's bonus added to the class it held; a look at nothing adds nothing."""
        logits = np.concatenate([out[..., : self.classes], np.zeros((*out.shape[:-1], 1), dtype=out.dtype)], axis=-1)
        bonus = out[..., self.classes :]
        flat, at = logits.reshape(-1, self.classes + 1), looks.reshape(-1, looks.shape[-1])
        np.add.at(flat, (np.arange(len(flat))[:, None], at), bonus.reshape(at.shape))
        return flat[:, :-1].reshape(*out.shape[:-1], self.classes)


class FloatLinear:
    """A product in float32, in whatever order BLAS adds."""

    def __init__(self, weights: Floats) -> None:
        self._packed = np.ascontiguousarray(weights.T)

    def __call__(self, left: Hidden, plus: Floats) -> Floats:
        """(B, out): the products of activations (B, in), and ``plus``."""
        products: Floats = left @ self._packed
        products += plus
        return products


def _in_words(rows: Floats) -> tuple[NDArray[np.int16], np.float32]:
    """``rows`` in 16 bits and their step, the finest power of two that holds them all: half the bytes to keep and read.

    ``rows`` are overwritten.
    """
    largest = max(float(rows.max()), -float(rows.min()), 1e-6)
    step = np.float32(2.0 ** np.ceil(np.log2(largest / np.iinfo(np.int16).max)))
    rows /= step
    return np.rint(rows, out=rows).astype(np.int16), step


def _is_folded(name: str) -> bool:
    """Whether a weight enters a table of rows; the others are quantized element by element."""
    if name.startswith("layers."):
        return name.startswith("layers.0.weight_ih")
    return not name.endswith("from_hidden.weight")


def _for_conditions(name: str) -> bool:
    first = ("condition_tables.", "tables.part.", "band_in.", "active_parts_in.", "previous_in.", "layers.0.", *WEIGHTS)
    if name.endswith("from_histograms.weight"):
        return True
    return name.startswith(first) and not name.endswith("weight_hh_l0")


Product = Callable[[Hidden, Floats], Floats]
