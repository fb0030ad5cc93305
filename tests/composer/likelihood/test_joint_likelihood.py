"""p(band) · p(chart | band) · p(notes | chart, band) is one distribution: over a tiny world it sums to one.

The world has two parts and one bar of 3/4: every band, every chart (133 chords, seven activity bins a part) and every
beginning of the notes (wait, end, or time shift, part and pitch). Lengths and velocities are summed in
``test_likelihood``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.special import softmax

from composer.likelihood.array_logits import field_logits
from composer.likelihood.scorer import Scorer, _StepArrays, only
from composer.model.planner_config import expected_band_shapes
from composer.planning.chart import Chart, ChartConditions, Planner
from composer.planning.conditioning import chord_columns, strengths
from composer.planning.instrumentation import Instrumentation
from midi_data.analysis.activity import ACTIVITY_CLASSES, RESTS
from midi_data.analysis.repetition import NEW
from midi_data.bars import BarGrid, meter_class
from midi_data.chords import CHORD_CLASSES
from midi_data.events.encoding import MAX_SHIFT, EventSequence, encode, part_code
from midi_data.events.features import LAGS
from midi_data.song import Meter, Note, Song, Track
from tests.composer.checkpoints import tiny_checkpoint

PARTS = (part_code(0, is_drum=True), part_code(30, is_drum=False))
METER = Meter(0, 3, 4)
BANDS = ((0,), (1,), (0, 1))
"""Numbers of ``PARTS``."""
PITCH_TICKS, ACTIVITY_CHORDS = 8, 12
"""To save time pitches are summed at every eighth time shift, activity of two parts under every twelfth chord; the sums
count as 1 elsewhere."""


def bands() -> Instrumentation:
    """A model of two parts, one genre and two styles."""
    rng = np.random.default_rng(2)
    weights = {name: 0.5 * rng.standard_normal(size) for name, size in expected_band_shapes(1, 2, 1, 2).items()}
    weights["style_share"] = np.array([[0.3, 0.7]])
    return Instrumentation(weights)


def one_bar(band: tuple[int, ...]) -> EventSequence:
    """A bar in which each part of ``band`` has a note."""
    tracks = (Track(0, True, (Note(0, 36, 6, 90),)), Track(30, False, (Note(0, 60, 24, 90),)))
    return encode(Song(tuple(tracks[number] for number in band), meters=(METER,), end=METER.bar_ticks))


class Beginnings:
    """Probabilities of the first event after nothing, given a band."""

    def __init__(self, scorer: Scorer, band: tuple[int, ...]) -> None:
        self.scorer, self.events = scorer, one_bar(band)
        self.grid = BarGrid.of(self.events.meters, self.events.end)

    def total(self, chord: int) -> float:
        """The sum over all first events, down to the pitch, given the bar's ``chord``."""
        chords, parts = np.full((1, 2), chord), np.array(self.events.band)
        inputs = _StepArrays(self.events, chords)
        condition = self.scorer._condition(0, 120.0, self.events.band)[None]
        _, inner = next(self.scorer._inner(inputs, condition))
        before = inner[0, :1]  # (1, 5, W)
        time_shift = self.probabilities("time_shift", before, np.zeros((1, 0), dtype=np.int64), inputs)[0]
        pairs = np.array([*product(range(MAX_SHIFT), parts.tolist())])  # (192 P, 2)
        part = self.probabilities("part", before, pairs[:: len(parts), :1], inputs)[:, parts].ravel()
        pitch, summed = np.ones(len(pairs)), pairs[:, 0] % PITCH_TICKS == 0
        pitch[summed] = self.probabilities("pitch", before, pairs[summed], inputs, chords).sum(axis=1)
        return float(time_shift[MAX_SHIFT:].sum() + (time_shift[pairs[:, 0]] * part * pitch).sum())

    def probabilities(
        self, field: str, before: np.ndarray, chosen: np.ndarray, inputs: _StepArrays, chords: np.ndarray | None = None
    ) -> np.ndarray:
        """(N, V) of ``field`` given the N rows ``chosen``."""
        count = len(chosen)
        lookback = np.repeat(inputs.lookback[field][:1], count, axis=0)
        position = chord = None
        if field != "time_shift":
            position = self.grid.position_of(chosen[:, 0])[:, None]
        if chords is not None:
            ticks = chosen[:, 0]
            chord = np.column_stack([chord_columns(self.grid, ticks, chords)[:, 0], strengths(self.grid, ticks)])
        wide = np.repeat(before, count, axis=0)
        logits = field_logits(self.scorer._heads, field, wide, chosen, position, lookback, chord=chord)
        if field == "part":
            logits = only(logits, self.events.band)
        return softmax(logits, axis=1)


def charts(planner: Planner, conditions: ChartConditions, chord: int) -> Iterator[float]:
    """Probabilities of all charts of one bar of ``chord``."""
    fields = ("repetition", "chords", "activity")
    levels = [range(RESTS, ACTIVITY_CLASSES)] * len(conditions.band)
    if len(levels) > 1 and chord % ACTIVITY_CHORDS:
        fields, levels = fields[:2], [range(RESTS, RESTS + 1)] * len(levels)
    for activity in product(*levels):
        chart = Chart(np.array([NEW]), np.array([LAGS[-1]]), np.array([[chord, chord]]), np.array([activity]))
        nats = planner.nll(conditions, chart)
        yield float(np.exp(-sum(nats[field] for field in fields)))


def test_band_chart_and_notes_together_have_probability_one() -> None:
    scorer = Scorer(tiny_checkpoint(scale=0.8))
    planner, instrumentation = Planner(scorer.checkpoint.planner), bands()
    conditions = ChartConditions(((1, 1.0),), (), 1, meter_class(METER), 8, tonic=0, mode=1, two_slots=False)
    total = 0.0
    for band in BANDS:
        own = replace(conditions, band=tuple(PARTS[number] for number in band))
        beginnings = Beginnings(scorer, band)
        p_band = np.exp(instrumentation.log_probability(band, {0: 1.0}))
        for chord in range(CHORD_CLASSES):
            p_notes = beginnings.total(chord)
            total += p_notes * p_band * sum(charts(planner, own, chord))
    assert total == pytest.approx(1, abs=1e-4)


def test_the_notes_depend_on_the_chord() -> None:
    beginnings = Beginnings(Scorer(tiny_checkpoint(scale=0.8)), (1,))
    chosen = np.array([[0, PARTS[1]]])
    found = []
    for chord in (1, 40):
        inputs = _StepArrays(beginnings.events, np.full((1, 2), chord))
        condition = beginnings.scorer._condition(0, 120.0, beginnings.events.band)[None]
        _, inner = next(beginnings.scorer._inner(inputs, condition))
        found.append(beginnings.probabilities("pitch", inner[0, :1], chosen, inputs, np.full((1, 2), chord)))
    assert np.abs(found[0] - found[1]).max() > 1e-4
