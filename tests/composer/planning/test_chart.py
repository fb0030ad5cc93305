"""The planner's charts: exact likelihood, keys, forced chords and forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from composer.model.planner_config import COPIES
from composer.planning.chart import (
    Chart,
    ChartConditions,
    Planner,
    allowed_labels,
    is_far,
    source_of_bar,
)
from midi_data.analysis.activity import RESTS
from midi_data.analysis.chords import transposed_chords
from midi_data.analysis.repetition import NEW, REPETITION_CLASSES
from midi_data.chords import CHORD_CLASSES, parse_chords
from midi_data.events.encoding import part_code
from midi_data.events.features import LAGS

pytest.importorskip("torch", reason="weights come from the torch module, which needs the train extra")
BAND = (part_code(0, is_drum=True), part_code(30, is_drum=False), part_code(33, is_drum=False))
CONDITIONS = ChartConditions(((1, 1.0),), BAND, 12, meter=0, tempo=8, tonic=2, mode=2, two_slots=True)


@pytest.fixture(scope="module")
def planner() -> Planner:
    import torch

    from training.planner.network import PlannerNetwork

    torch.manual_seed(3)
    return Planner({name: tensor.numpy() for name, tensor in PlannerNetwork(2).state_dict().items()})


def chart_of(first: int = 1, second: int = 1, activity: int = RESTS) -> Chart:
    return Chart(np.array([NEW]), np.array([16]), np.array([[first, second]]), np.array([[activity]]))


def test_one_bar_sums_to_one(planner: Planner) -> None:
    conditions = replace(CONDITIONS, bars=1, band=BAND[:1])
    one_slot = replace(conditions, two_slots=False)
    firsts = np.array([planner.nll(one_slot, chart_of(chord, chord))["chords"] for chord in range(CHORD_CLASSES)])
    assert np.exp(-firsts).sum() == pytest.approx(1, abs=1e-9)
    both = np.array([planner.nll(conditions, chart_of(5, chord))["chords"] for chord in range(CHORD_CLASSES)])
    assert np.exp(-both).sum() == pytest.approx(np.exp(-firsts[5]), abs=1e-9)
    bins = np.array([planner.nll(conditions, chart_of(activity=level))["activity"] for level in range(1, 8)])
    assert np.exp(-bins).sum() == pytest.approx(1, abs=1e-9)


def test_labels_and_lags_sum_to_one(planner: Planner) -> None:
    base = planner.sample(CONDITIONS, np.random.default_rng(1))
    two = replace(CONDITIONS, bars=2)
    total = 0.0
    for label in range(1, REPETITION_CLASSES):
        chart = Chart(np.array([NEW, label]), np.array([16, 1]), base.chords[:2], base.activity[:2])
        if allowed_labels(1)[label]:
            total += np.exp(-planner.nll(two, chart)["repetition"])
    assert total == pytest.approx(1, abs=1e-9)


def test_a_chart_is_the_same_in_every_key(planner: Planner) -> None:
    one = planner.sample(CONDITIONS, np.random.default_rng(4))
    moved = planner.sample(replace(CONDITIONS, tonic=7), np.random.default_rng(4))
    assert np.array_equal(transposed_chords(one.chords, 5), moved.chords)
    assert planner.nll(CONDITIONS, one) == pytest.approx(planner.nll(replace(CONDITIONS, tonic=7), moved))


def test_sources_lie_in_the_song(planner: Planner) -> None:
    for seed in range(5):
        chart = planner.sample(CONDITIONS, np.random.default_rng(seed))
        rows = zip(chart.repetition.tolist(), chart.source_lag.tolist(), strict=True)
        for bar, (label, lag) in enumerate(rows):
            assert (source_of_bar(label, lag, bar) >= 0) == (label != NEW)
            assert is_far(label) or lag == 16
        assert chart.activity.min() >= RESTS


def test_given_chords_and_forms_are_kept(planner: Planner) -> None:
    asked = np.array((*parse_chords("Am F C G").bars * 3,))
    form = (np.full(12, NEW), np.full(12, 16))
    chart = planner.sample(CONDITIONS, np.random.default_rng(5), chords=asked, form=form)
    assert np.array_equal(chart.chords, asked)
    assert np.array_equal(chart.repetition, form[0])


def test_chords_that_followed_a_progression_can_be_copied() -> None:
    import torch

    from training.planner.network import PlannerNetwork

    torch.manual_seed(3)
    weights = {name: tensor.numpy() for name, tensor in PlannerNetwork(2).state_dict().items()}
    copying = [0.0] * (COPIES - 1) + [9.0]  # of what followed the longest progression
    weights |= {f"{slot}_copy.bias": np.array(copying, dtype=np.float32) for slot in ("first", "second")}
    planner, turn = Planner(weights), parse_chords("Am F C G Dm E7 Am E7").bars  # eight bars are sixteen slots
    nats = {}
    for last in (turn[0], turn[3]):
        chords = np.array((*turn, *turn, last))
        conditions, new = replace(CONDITIONS, bars=len(chords)), np.full(len(chords), NEW)
        chart = planner.sample(
            conditions, np.random.default_rng(5), chords=chords, form=(new, np.full(len(chords), LAGS[-1]))
        )
        nats[last] = planner.nll(conditions, chart)["chords"]
    assert nats[turn[0]] < nats[turn[3]] - 5


def test_bars_of_one_slot_have_one_chord(planner: Planner) -> None:
    chart = planner.sample(replace(CONDITIONS, two_slots=False), np.random.default_rng(6))
    assert np.array_equal(chart.chords[:, 0], chart.chords[:, 1])


def test_an_unknown_genre_has_a_chart(planner: Planner) -> None:
    assert len(planner.sample(replace(CONDITIONS, genres=((99, 1.0),)), np.random.default_rng(7)).chords) == 12
