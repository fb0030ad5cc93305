"""The network of ``composer.model.network`` in numpy, one step at a time: composing and scoring on a CPU.

Linear layers before a nonlinearity are folded into tables (``composer.model.packing``). A step is one matrix product a
recurrent layer, one for all heads, and a small one a head.

``exact=True`` (composing): weights are int8, activations uint8, the rest is fixed-point
(``composer.model.arithmetic``); results are the same bits on every machine, alone or in a batch.
``exact=False`` (scoring, tests): float32, equal to the torch module within 1e-4.

Shape letters: B batch, K lags, V vocabulary, I input, H hidden, L layers, G = 4 H gates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.activations import FloatActivations, TableActivations
from composer.model.arithmetic.fixed_point import OUT_BITS, ROW_BITS, Floats, round_to_grid
from composer.model.arithmetic.quantized import ZERO_POINT, Int8Linear
from composer.model.attribute_projections import WEIGHT_PREFIXES, AttributeProjections, project_attributes
from composer.model.checkpoint import Checkpoint
from composer.model.config import ACTIVITY_WEIGHTS, CHORD_ROLES, CLOCK, CONDITIONS, LOOKBACK_FIELDS, chord_role
from composer.model.packing import input_starts, next_starts, pack_head, pack_inputs
from midi_data.analysis.activity import Activity
from midi_data.chords import QUALITIES
from midi_data.events.encoding import FIELDS, Ints

Hidden = NDArray[Any]
"""(B, H) activations: float32, in an exact engine uint8 with zero point ``ZERO_POINT``."""
Linear = Callable[[Hidden, Floats], Floats]
"""(B, in) activations and bias → (B, out)."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """``hidden`` (L, B, H), float32 or uint8, and ``cell`` (L, B, H), float32."""

    hidden: Hidden
    cell: Floats

    def without(self, songs: Collection[int]) -> EngineState:
        """The state of all songs of the batch but ``songs``."""
        kept = [song for song in range(self.hidden.shape[1]) if song not in songs]
        return EngineState(self.hidden[:, kept], self.cell[:, kept])

    def beside(self, other: EngineState) -> EngineState:
        """Both batches as one, ``other`` last."""
        return EngineState(
            np.concatenate([self.hidden, other.hidden], axis=1), np.concatenate([self.cell, other.cell], axis=1)
        )


class Engine:
    """Packed weights and the functions of one step. Stateless: one engine serves all songs."""

    def __init__(self, checkpoint: Checkpoint, *, exact: bool = True) -> None:
        self.config = config = checkpoint.config
        self.exact = exact
        self._activations = TableActivations() if exact else FloatActivations()
        weights = _for_packing(checkpoint.weights, exact=exact)
        rows, self._first = pack_inputs(weights, config, self._gates)
        self._input_rows: NDArray[Any]
        self._input_rows, self._row_step = _as_int16(rows) if exact else (rows, np.float32(1))
        biases = [weights[f"layers.{n}.bias_ih_l0"] + weights[f"layers.{n}.bias_hh_l0"] for n in range(config.layers)]
        self._first_bias, self._layer_bias = biases[0], [self._gates(bias) for bias in biases]
        scale = self._activations.scale
        self._recurrent = [self._linear(_recurrent_weights(weights, n), scale) for n in range(config.layers)]
        self._heads_in = self._linear(np.concatenate([weights[f"heads.{f}.from_hidden.weight"] for f in FIELDS]))
        self.heads = {field: pack_head(weights, config, field, self._addend, self._factor) for field in FIELDS}
        self._heads_bias = np.concatenate([self.heads[field].bias_in for field in FIELDS])
        bonus = self._factor(weights["heads.pitch.chord_bonus"])
        self.chord_bonus = np.asarray(bonus, dtype=np.float64)
        self.row_starts = input_starts(self._first, len(config.lags))
        # Only the weights of the conditions are needed from here on.
        self._weights = {name: each.astype(np.float64) for name, each in weights.items() if _is_condition(name)}

    def _linear(self, weights: Floats, scale: float = 1.0) -> Linear:
        """A linear layer of ``weights`` (out, in), times ``scale``."""
        return Int8Linear(weights, scale) if self.exact else FloatLinear(weights)

    def _addend(self, rows: NDArray[np.floating]) -> Floats:
        """``rows`` as float32; in an exact engine rounded as summands."""
        return np.ascontiguousarray(round_to_grid(rows, ROW_BITS) if self.exact else rows, dtype=np.float32)

    def _gates(self, rows: NDArray[np.floating]) -> Floats:
        """``rows`` as summands of the gates, in the scale of the activation functions."""
        return self._addend(rows) * np.float32(self._activations.scale)

    def _factor(self, rows: NDArray[np.floating]) -> NDArray[Any]:
        """``rows`` as factors of a float64 product in an exact engine."""
        return round_to_grid(rows, OUT_BITS).astype(np.float64) if self.exact else rows

    @property
    def linears(self) -> list[Linear]:
        """The large linear layers of a step, in order."""
        return [*self._recurrent, self._heads_in]

    # -- what is added to the first layer's gates --------------------------------------------------------------------

    def condition_gates(self, labels: Sequence[Sequence[tuple[int, float]]], band: Sequence[int]) -> Floats:
        """(G,) contribution of a song's conditions and of all biases.

        ``labels``: for each of ``CONDITIONS`` (row, weight) pairs, several for a blend. ``band``: part classes.
        """
        parts = self._weights["tables.part.weight"][list(band)].sum(axis=0) / np.sqrt(max(len(band), 1))
        vector = self._weights["band_in.weight"] @ parts + self._weights["previous_in.bias"]
        for name, rows in zip(CONDITIONS, labels, strict=True):
            table = self._weights[f"condition_tables.{name}.weight"]
            for row, weight in rows:
                vector = vector + weight * table[row]
        return self._gates(self._weights["layers.0.weight_ih_l0"] @ vector + self._first_bias)

    def activity_gates(
        self, activity: Activity, band: Sequence[int], roots: NDArray[np.float64] | None = None
    ) -> Floats:
        """(bars, G) contribution of the ``activity`` (bars, parts of ``band``) in each bar.

        ``roots`` (1 + parts, W): square roots of the parts' attribute histograms, if they condition the song.
        """
        weights = np.asarray(ACTIVITY_WEIGHTS)[activity]
        vector = weights @ self._weights["tables.part.weight"][list(band)] @ self._weights["active_parts_in.weight"].T
        if roots is not None:
            vector = vector + weights @ roots[1:] @ self._weights["active_histograms_in.weight"].T
        return self._gates(vector @ self._weights["layers.0.weight_ih_l0"].T)

    def clock_gates(self, clock: Ints) -> Floats:
        """(slots, G) contribution of the clock (slots, 10) in each chord slot, without the position."""
        starts = np.array([self._first[f"clock.{name}"] for name in CLOCK[1:]], dtype=np.int64)
        return self.input_gates(clock[:, 1:] + starts)

    def attribute_projections(self, roots: NDArray[np.float64]) -> AttributeProjections:
        """Contributions of a song's attribute histograms; ``roots`` (1 + parts of the band, W)."""
        found = project_attributes(roots, self._weights, self._gates, self._addend)
        if not self.exact:
            return found
        out, bias = round_to_grid(found.part_out, OUT_BITS), round_to_grid(found.part_bias, ROW_BITS)
        return replace(found, part_out=out.astype(np.float64), part_bias=bias.astype(np.float64))

    def input_rows(self, previous: Ints, clock: Ints, next_lookback: Ints, matched: Ints) -> Ints:
        """Row numbers (…, 5 + 7 + 3 K + K) of a step's inputs: classes as in ``composer.model.network.StepInputs``."""
        first, lags = self._first, len(self.config.lags)
        starts = [first[f"previous.{field}"] for field in FIELDS] + [first[f"clock.{name}"] for name in CLOCK]
        starts += next_starts(first, lags)
        flags = matched + (first["matched"] + 2 * np.arange(lags))
        flat = next_lookback.reshape(*next_lookback.shape[:-2], -1)
        return np.concatenate([np.concatenate([previous, clock, flat], axis=-1) + starts, flags], axis=-1)

    def input_gates(self, rows: Ints) -> Floats:
        """(…, G) sum of the rows numbered ``rows`` (…, R)."""
        total: Floats = np.add.reduce(self._input_rows.take(rows, axis=0), axis=-2, dtype=np.float32)
        total *= self._row_step
        return total

    # -- one step ----------------------------------------------------------------------------------------------------

    def start(self, batch: int) -> EngineState:
        """The zero state of ``batch`` songs."""
        zeros = np.zeros((self.config.layers, batch, self.config.hidden), dtype=np.float32)
        return EngineState(np.full(zeros.shape, ZERO_POINT, dtype=np.uint8) if self.exact else zeros, zeros)

    def step(self, rows: Ints, condition: Floats, state: EngineState) -> EngineState:
        """One step of all layers from input rows (B, R) and the contribution of the conditions (B, G)."""
        return self.step_from_gates(self.input_gates(rows) + condition, state)

    def step_from_gates(self, gates: Floats, state: EngineState) -> EngineState:
        """One step of all layers from the inputs of the first layer's gates (B, G), biases included."""
        hidden, cell = np.empty_like(state.hidden), np.empty_like(state.cell)
        for layer, linear in enumerate(self._recurrent):
            if layer == 0:
                total = linear(state.hidden[0], gates)  # (B, G)
            else:
                both = np.concatenate([hidden[layer - 1], state.hidden[layer]], axis=-1)  # (B, 2 H)
                total = linear(both, self._layer_bias[layer])  # (B, G)
            self._cell(total, state.cell[layer], hidden[layer], cell[layer])
        return EngineState(hidden, cell)

    def _cell(self, gates: Floats, before: Floats, hidden: Hidden, cell: Floats) -> None:
        """LSTM cell: gate inputs (B, G) and the previous cell (B, H); writes ``hidden`` and ``cell`` (B, H)."""
        size = self.config.hidden
        opened, candidate = self._activations.gates(gates)  # (B, 3 H), (B, H)
        np.multiply(opened[..., size : 2 * size], before, out=cell)
        candidate *= opened[..., :size]
        cell += candidate
        shown = self._activations.cell(cell)
        shown *= opened[..., 2 * size :]
        if self.exact:  # in steps of 1 / QMAX: rounded to the nearest byte by the cast
            shown += ZERO_POINT + 0.5
        np.copyto(hidden, shown, casting="unsafe")

    # -- heads -------------------------------------------------------------------------------------------------------

    def head_inputs(self, hidden: Hidden) -> Floats:
        """(…, H) hidden of the last layer → (…, 5, head), biases included."""
        products = self._heads_in(hidden.reshape(-1, hidden.shape[-1]), self._heads_bias)
        return products.reshape(*hidden.shape[:-1], len(FIELDS), self.config.head)

    def logits(
        self, field: str, before: Floats, chosen: Ints, position: Ints | None, lookback: Ints,
        activity: Ints | None = None, chord: Ints | None = None,
    ) -> NDArray[np.floating]:  # fmt: skip
        """(B, V) logits of ``field``.

        ``before`` (B, 5, head) from ``head_inputs``. ``chosen`` (B, n): the fields before. ``position`` (B, 1) after
        the time shift; ``None`` for the time shift itself. ``lookback`` (B, K or K + 1) classes. ``activity`` (B, V)
        bins of the bar, for parts only; without it no bonus is added. ``chord`` (B, 2), for a note's fields: the
        chord's condition class and the metrical strength; unconditioned if left out.
        """
        head = self.heads[field]
        known = [chosen] if position is None else [chosen, position]
        if field in LOOKBACK_FIELDS["note"]:
            chord = np.zeros((len(chosen), 2), dtype=np.int64) if chord is None else chord
            known.append(chord[:, :1])
        rows = np.concatenate([*known, lookback], axis=-1) + head.first
        inner = before[..., FIELDS.index(field), :] + head.rows.take(rows, axis=0).sum(axis=-2)  # (B, head)
        out = self.gelu(inner) @ head.out + head.bias_out  # (B, V + K [+ bins])
        logits = head.with_copies(out[..., : head.classes + lookback.shape[-1]], lookback)  # (B, V)
        bonus: NDArray[np.floating] = out[..., head.classes + lookback.shape[-1] :]  # (B, bins or intervals)
        if field == "pitch" and chord is not None:
            logits[..., :128] += chord_logits(bonus, self.chord_bonus, chord, chosen[:, 1])
        if activity is None:
            return logits
        return logits + np.take_along_axis(bonus, activity, axis=-1)

    def gelu(self, inner: Floats) -> NDArray[np.floating]:
        """GELU of a head's hidden layer, (B, head); float64 in an exact engine."""
        return self._activations.gelu(inner)


def chord_logits(
    intervals: NDArray[np.floating], bonus: NDArray[np.float64], chord: Ints, part: Ints
) -> NDArray[np.floating]:
    """(B, 128) logits of the pitches by interval above the chord's root; 0 for drums and without a chord.

    ``intervals`` (B, 12) from the head, ``bonus`` (roles, qualities, strengths, 12), ``chord`` (B, 2), ``part`` (B,).
    """
    kind, role = chord[:, 0] - 2, np.array([chord_role(each) for each in part.tolist()])
    found = (kind >= 0) & (role < CHORD_ROLES)
    root, quality = np.maximum(kind, 0) // len(QUALITIES), np.maximum(kind, 0) % len(QUALITIES)
    by_interval = (intervals + bonus[np.minimum(role, 1), quality, chord[:, 1]]) * found[:, None]
    above = (np.arange(128) - root[:, None]) % 12
    result: NDArray[np.floating] = np.take_along_axis(by_interval, above, axis=1)
    return result


class FloatLinear:
    """x Wᵀ + b in float32."""

    def __init__(self, weights: Floats) -> None:
        self._packed = np.ascontiguousarray(weights.T)

    def __call__(self, inputs: Hidden, bias: Floats) -> Floats:
        """(B, in) activations and bias → (B, out)."""
        products: Floats = inputs @ self._packed
        products += bias
        return products


def _for_packing(weights: Mapping[str, Floats], *, exact: bool) -> dict[str, NDArray[Any]]:
    """``weights`` with reordered gates; those that are folded in float64 if ``exact``.

    Folding in float32 would round differently with different BLAS kernels.
    """
    ordered: dict[str, NDArray[Any]] = dict(weights) | _with_candidate_last(weights)
    return {n: w.astype(np.float64) if exact and _is_folded(n) else w for n, w in ordered.items()}


def _with_candidate_last(weights: Mapping[str, Floats]) -> dict[str, Floats]:
    """The layers' weights with gates in the order input, forget, output, candidate: one sigmoid covers three."""
    found = {}
    for name in (name for name in weights if name.startswith("layers.")):
        first, second, candidate, output = np.split(weights[name], 4)  # torch's order
        found[name] = np.concatenate([first, second, output, candidate])
    return found


def _recurrent_weights(weights: Mapping[str, NDArray[Any]], layer: int) -> NDArray[Any]:
    """(G, H) of the first layer, whose input is folded into rows, (G, 2 H) of the others."""
    own = weights[f"layers.{layer}.weight_hh_l0"]
    return own if layer == 0 else np.concatenate([weights[f"layers.{layer}.weight_ih_l0"], own], axis=1)


def _as_int16(rows: Floats) -> tuple[NDArray[np.int16], np.float32]:
    """``rows`` as int16 and their step, the finest power of two that holds them all. Overwrites ``rows``.

    Half the memory to keep and to read.
    """
    largest = max(float(rows.max()), -float(rows.min()), 1e-6)
    step = np.float32(2.0 ** np.ceil(np.log2(largest / np.iinfo(np.int16).max)))
    rows /= step
    return np.rint(rows, out=rows).astype(np.int16), step


def _is_folded(name: str) -> bool:
    """Whether a weight enters a table of rows; the others are quantized one by one."""
    if name.startswith("layers."):
        return name.startswith("layers.0.weight_ih")
    return not name.endswith("from_hidden.weight")


def _is_condition(name: str) -> bool:
    """Whether ``condition_gates``, ``activity_gates`` or ``attribute_projections`` need a weight."""
    prefixes = ("condition_tables.", "tables.part.", "band_in.", "active_parts_in.", "previous_in.", "layers.0.")
    if name.endswith("from_histograms.weight"):
        return True
    return name.startswith((*prefixes, *WEIGHT_PREFIXES)) and not name.endswith("weight_hh_l0")
