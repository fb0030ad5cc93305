"""The chart of a song, bar by bar: repetition label and source, two chord slots, activity of each part.

``Planner`` is a small LSTM over bars with exact autoregressive likelihood, in numpy:

    p(chart | band, genre, …) = Π_bars p(label) · p(lag | label) · p(chords | label, source) · Π_parts p(activity)

It is trained in torch (``training.planner``). Chords are relative to the key's tonic inside, so that one progression is
the same in every key. All sums are in double precision and logits are rounded to multiples of 2^−20 before sampling, so
that a chart does not depend on the order of summation.

Shape letters: T bars, P parts, C chord classes, I input, H hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from composer.exact import RandomNumbers, draw_index, softmax_weights
from composer.model.arithmetic.fixed_point import gelu, sigmoid
from composer.model.config import ACTIVITY_WEIGHTS, BARS_LEFT_EDGES, PHASE_CLASSES
from composer.model.planner_config import ACTIVITY_LAGS
from composer.planning.conditioning import tempo_class
from midi_data.analysis.activity import ACTIVITY_CLASSES, RESTS, activity_of
from midi_data.analysis.chords import chord_slots, split_of, transposed_chords
from midi_data.analysis.key_estimation import estimate_song_key
from midi_data.analysis.repetition import MAX_LAG, NEW, REPETITION_CLASSES, SIMILARITY_EDGES, repetition_of
from midi_data.bars import BarGrid
from midi_data.chords import CHORD_CLASSES
from midi_data.events.encoding import SAME_PROGRAM_LIMIT, EventSequence, Ints
from midi_data.events.features import LAGS
from midi_data.events.progressions import Progressions

Weights = Mapping[str, NDArray[Any]]
Vector = NDArray[np.float64]

NO_ROW = CHORD_CLASSES
"""Chord input where there is no such bar."""
START = REPETITION_CLASSES
"""Repetition input before the first bar."""
NO_ACTIVITY = 0
"""Activity input where there is no such bar."""
FIELDS = ("repetition", "chords", "activity")
"""Shares of the likelihood."""
_GRID = 2.0**20


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """``repetition``, ``source_lag`` (T,), ``chords`` (T, 2), ``activity`` (T, P): as in ``midi_data.analysis``."""

    repetition: Ints
    source_lag: Ints
    chords: Ints
    activity: Ints


@dataclass(frozen=True, slots=True, eq=False)
class ChartConditions:
    """What a chart is conditioned on. ``genres``: rows of the genre table (0 unknown) with weights.

    ``tonic`` 0–11 and ``mode`` 0–2 of the key; ``meter`` and ``tempo`` classes; ``two_slots``: whether a bar has two
    chords. ``band``: part classes, rising.
    """

    genres: tuple[tuple[int, float], ...]
    band: tuple[int, ...]
    bars: int
    meter: int
    tempo: int
    tonic: int
    mode: int
    two_slots: bool


@dataclass(frozen=True, slots=True)
class ChartSampling:
    """How charts are drawn. ``new_bar_bias``: added to the logit of a new bar (``Header`` of a checkpoint)."""

    temperature: float = 1.0
    new_bar_bias: float = 0.0


def chart_of(events: EventSequence, genres: Mapping[int, float], tempo_bpm: float) -> tuple[ChartConditions, Chart]:
    """The chart that notes spell, and its conditions. ``genres``: rows of the planner's table with weights."""
    grid = BarGrid.of(events.meters, events.end)
    label, lag = repetition_of(events, grid)
    key, meter = estimate_song_key(events), int(grid.meter[0])
    ticks = int(np.diff(grid.first_tick, append=grid.end)[0])
    conditions = ChartConditions(
        tuple(genres.items()),
        events.band,
        len(grid),
        meter,
        tempo_class(tempo_bpm),
        key.tonic if key else 0,
        0 if key is None else 1 + (key.mode == "minor"),
        split_of(meter, ticks) > 0,
    )
    activity = activity_of(events, grid).astype(np.int64)
    return conditions, Chart(label, lag, chord_slots(events, grid), activity)


def source_of_bar(label: int, lag: int, bar: int) -> int:
    """Number of the bar that a bar labelled ``label`` repeats; −1 for a new bar."""
    if label <= NEW:
        return -1
    index = (label - 2) // len(SIMILARITY_EDGES)
    return bar - (LAGS[index] if index < len(LAGS) - 1 else lag)


def allowed_labels(bar: int) -> NDArray[np.bool_]:
    """(REPETITION_CLASSES,) labels whose source lies in the song."""
    allowed = np.zeros(REPETITION_CLASSES, dtype=np.bool_)
    allowed[NEW] = True
    for index, lag in enumerate(LAGS):
        nearest = 1 if index == len(LAGS) - 1 else lag
        allowed[2 + len(SIMILARITY_EDGES) * index : 2 + len(SIMILARITY_EDGES) * (index + 1)] = bar >= nearest
    return allowed


def is_far(label: int) -> bool:
    """Whether a label's source may lie at any distance."""
    return label >= 2 + len(SIMILARITY_EDGES) * (len(LAGS) - 1)


class Planner:
    """Samples and scores charts. Holds weights only."""

    def __init__(self, weights: Weights) -> None:
        """``weights`` by name, as the torch module's ``state_dict``."""
        self._w = {name: np.asarray(weight, dtype=np.float64) for name, weight in weights.items()}

    @property
    def genres(self) -> int:
        """Rows of the genre table; row 0 is "unknown"."""
        return len(self._w["genre.weight"])

    def sample(
        self,
        conditions: ChartConditions,
        generator: RandomNumbers,
        how: ChartSampling | None = None,
        *,
        chords: Ints | None = None,
        form: tuple[Ints, Ints] | None = None,
        activity: Ints | None = None,
    ) -> Chart:
        """A chart. Given ``chords`` (T, 2), ``form`` (labels, lags) or ``activity`` (T, P) are taken as they are."""
        with threadpool_limits(1):  # the products are too small to gain from threads
            return self._sampled(conditions, generator, how or ChartSampling(), chords, form, activity)

    def _sampled(
        self, conditions: ChartConditions, generator: RandomNumbers, how: ChartSampling, chords: Ints | None,
        form: tuple[Ints, Ints] | None, activity: Ints | None,
    ) -> Chart:  # fmt: skip
        run, temperature = _Run(self._w, conditions), how.temperature
        for bar in range(conditions.bars):
            run.step(bar)
            label, lag = self._form(run, bar, how, generator) if form is None else (int(each[bar]) for each in form)
            run.take_label(bar, label, lag)
            if chords is None:
                first = second = run.take_chord(bar, 0, draw_class(run.first_logits(bar), temperature, 0.0, generator))
                if conditions.two_slots:
                    second = draw_class(run.second_logits(bar, first), temperature, 0.0, generator)
                run.take_chord(bar, 1, second)
            else:
                for slot, chord in enumerate(transposed_chords(chords[bar], -conditions.tonic).tolist()):
                    run.take_chord(bar, slot, chord)
            for part in range(len(conditions.band)):
                if activity is None:
                    run.activity[bar, part] = draw_class(run.activity_logits(bar, part), temperature, 0.0, generator)
                else:
                    run.activity[bar, part] = activity[bar, part]
        return Chart(run.labels, run.lags, transposed_chords(run.chords, conditions.tonic), run.activity)

    @staticmethod
    def _form(run: _Run, bar: int, how: ChartSampling, generator: RandomNumbers) -> tuple[int, int]:
        """Label and lag of ``bar``."""
        logits = run.label_logits(bar)
        logits[NEW] += how.new_bar_bias
        label = draw_class(logits, how.temperature, 0.0, generator)
        if not is_far(label):
            return label, LAGS[-1]
        return label, draw_class(run.lag_logits(bar, label), how.temperature, 0.0, generator) + 1

    def nll(self, conditions: ChartConditions, chart: Chart) -> dict[str, float]:
        """Exact negative log-likelihood of a chart in nats, by ``FIELDS``."""
        run = _Run(self._w, conditions)
        sums = dict.fromkeys(FIELDS, 0.0)
        relative = transposed_chords(chart.chords, -conditions.tonic)
        for bar in range(conditions.bars):
            run.step(bar)
            label, lag = int(chart.repetition[bar]), int(chart.source_lag[bar])
            sums["repetition"] += _nll(run.label_logits(bar), label)
            if is_far(label):
                sums["repetition"] += _nll(run.lag_logits(bar, label), lag - 1)
            run.take_label(bar, label, lag)
            first, second = relative[bar].tolist()
            sums["chords"] += _nll(run.first_logits(bar), run.take_chord(bar, 0, first))
            if conditions.two_slots:
                sums["chords"] += _nll(run.second_logits(bar, first), second)
            run.take_chord(bar, 1, second)
            for part, level in enumerate(chart.activity[bar].tolist()):
                sums["activity"] += _nll(run.activity_logits(bar, part), level)
                run.activity[bar, part] = level
        return sums


class _Run:
    """One chart in the making: rows so far and the recurrent state."""

    def __init__(self, weights: Weights, conditions: ChartConditions) -> None:
        self._w, self._c = weights, conditions
        bars, parts = conditions.bars, len(conditions.band)
        self.labels = np.full(bars, NEW, dtype=np.int64)
        self.lags = np.full(bars, LAGS[-1], dtype=np.int64)
        self.chords, self._progressions = np.zeros((bars, 2), dtype=np.int64), Progressions()
        self.activity = np.full((bars, parts), RESTS, dtype=np.int64)
        self._source = np.full(bars, -1, dtype=np.int64)
        self._parts = weights["part.weight"][np.array(conditions.band, dtype=np.int64) // SAME_PROGRAM_LIMIT]  # (P, E)
        size = weights["lstm.weight_hh_l0"].shape[1]
        self._hidden, self._cell = np.zeros(size), np.zeros(size)
        self._fixed = self._condition()

    def _condition(self) -> Vector:
        w, c = self._w, self._c
        table = w["genre.weight"]
        genre = np.zeros(table.shape[1])
        for row, share in c.genres:
            genre = genre + share * table[row if row < len(table) else 0]
        band = self._parts.sum(axis=0) / np.sqrt(max(len(c.band), 1))
        fixed: Vector = genre + w["tempo.weight"][c.tempo] + w["mode.weight"][c.mode] + w["meter.weight"][c.meter]
        fixed += w["band_in.weight"] @ band
        return fixed

    def _chord_at(self, bar: int, slot: int) -> int:
        return int(self.chords[bar, slot]) if bar >= 0 else NO_ROW

    def _activity_at(self, bar: int, part: int) -> int:
        return int(self.activity[bar, part]) if bar >= 0 else NO_ACTIVITY

    def step(self, bar: int) -> None:
        """Feed everything known before ``bar`` is planned."""
        w, c = self._w, self._c
        rows = [bar - 1, *(bar - lag for lag in LAGS)]
        self._seen = [[self._chord_at(row, slot) for slot in (0, 1)] for row in rows]
        x = self._fixed + w["chords_in.weight"] @ w["chord.weight"][np.array(self._seen).ravel()].ravel()
        x = x + w["repetition_in.weight"] @ w["label.weight"][self.labels[bar - 1] if bar else START]
        if bar:
            playing = np.asarray(ACTIVITY_WEIGHTS)[self.activity[bar - 1]] @ self._parts
            x = x + w["activity_in.weight"] @ playing
        left = int(np.searchsorted(BARS_LEFT_EDGES, c.bars - bar, side="right"))
        x = x + w["bars_left.weight"][left] + w["phase.weight"][bar % PHASE_CLASSES]
        gates = w["lstm.weight_ih_l0"] @ x + w["lstm.weight_hh_l0"] @ self._hidden
        first, forget, candidate, out = np.split(gates + w["lstm.bias_ih_l0"] + w["lstm.bias_hh_l0"], 4)
        self._cell = sigmoid(forget) * self._cell + sigmoid(first) * np.tanh(candidate)
        self._hidden = sigmoid(out) * np.tanh(self._cell)
        self._heads = w["heads_in.weight"] @ self._hidden + w["heads_in.bias"]

    def _head(self, index: int) -> Vector:
        width = len(self._heads) // 5
        head: Vector = self._heads[index * width : (index + 1) * width]
        return head

    def label_logits(self, bar: int) -> Vector:
        """(REPETITION_CLASSES,) of the bar's label."""
        w = self._w
        logits = w["label_out.weight"] @ gelu(self._head(0)) + w["label_out.bias"]
        return np.where(allowed_labels(bar), logits, -np.inf)

    def lag_logits(self, bar: int, label: int) -> Vector:
        """(MAX_LAG,) of the source's distance less 1."""
        w = self._w
        inner = gelu(self._head(1) + w["lag_label.weight"] @ w["label.weight"][label])
        logits = w["lag_out.weight"] @ inner + w["lag_out.bias"]
        return np.where(np.arange(1, MAX_LAG + 1) <= bar, logits, -np.inf)

    def take_label(self, bar: int, label: int, lag: int) -> None:
        """Fix the bar's label and source."""
        self.labels[bar], self.lags[bar] = label, lag
        self._source[bar] = source_of_bar(label, lag, bar)

    def take_chord(self, bar: int, slot: int, chord: int) -> int:
        """Fix the chord of a slot, and return it; slots come in order."""
        self.chords[bar, slot] = chord
        self._progressions.add_chord(chord)
        return chord

    def _source_chords(self, bar: int) -> list[int]:
        return [self._chord_at(int(self._source[bar]), slot) for slot in (0, 1)]

    def first_logits(self, bar: int) -> Vector:
        """(C,) of the first slot's chord."""
        source, followed = self._source_chords(bar), self._progressions.next_chords()
        held = [self._seen[0][1], source[0], *(row[0] for row in self._seen[1:]), *followed]
        return self._chord_logits("first", 2, bar, [*source, *followed], held)

    def second_logits(self, bar: int, first: int) -> Vector:
        """(C,) of the second slot's chord."""
        source, followed = self._source_chords(bar), self._progressions.next_chords()
        held = [first, source[1], *(row[1] for row in self._seen[1:]), *followed]
        return self._chord_logits("second", 3, bar, [*source, first, *followed], held)

    def _chord_logits(self, name: str, head: int, bar: int, known: list[int], held: list[int]) -> Vector:
        """(C,) of a slot; ``known``: the chords that its head reads, ``held``: those that it may copy."""
        w = self._w
        inner = self._head(head) + w[f"{name}_label.weight"] @ w["label.weight"][self.labels[bar]]
        inner = gelu(inner + w[f"{name}_source.weight"] @ w["chord.weight"][known].ravel())
        logits = np.append(w[f"{name}_out.weight"] @ inner + w[f"{name}_out.bias"], 0.0)
        np.add.at(logits, np.array(held), w[f"{name}_copy.weight"] @ inner + w[f"{name}_copy.bias"])
        return logits[:-1]

    def activity_logits(self, bar: int, part: int) -> Vector:
        """(ACTIVITY_CLASSES,) of a part, given the parts before it."""
        w = self._w
        inner = self._head(4) + w["activity_part.weight"] @ self._parts[part]
        inner = inner + w["activity_label.weight"] @ w["label.weight"][self.labels[bar]]
        known = [self._activity_at(bar - lag, part) for lag in ACTIVITY_LAGS]
        known.append(self._activity_at(int(self._source[bar]), part))
        for index, level in enumerate(known):
            inner = inner + w["activity_known.weight"][index * ACTIVITY_CLASSES + level]
        for other in range(part):
            pair = self._activity_at(bar - 1, other) * ACTIVITY_CLASSES + int(self.activity[bar, other])
            inner = inner + w["activity_pair.weight"][pair]
        logits = w["activity_out.weight"] @ gelu(inner) + w["activity_out.bias"]
        return np.where(np.arange(ACTIVITY_CLASSES) >= RESTS, logits, -np.inf)


def _nll(logits: Vector, target: int) -> float:
    top = logits.max()
    return float(top + np.log(np.exp(logits - top).sum()) - logits[target])


def draw_class(logits: Vector, temperature: float, min_p: float, generator: RandomNumbers) -> int:
    """One class, of those at least ``min_p`` times as likely as the likeliest."""
    classes = np.flatnonzero(np.isfinite(logits)).tolist()
    rounded = np.rint(logits[classes] * _GRID) / _GRID
    weights = softmax_weights(rounded.tolist(), 1 / temperature, min_p)
    chosen: int = classes[draw_index(np.array(weights), generator)]
    return chosen
