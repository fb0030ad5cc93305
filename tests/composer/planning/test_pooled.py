"""Pooled statistics: rows of at least ten pieces, and what is drawn of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from composer.model.checkpoint import load_checkpoint
from composer.model.planner_config import FEWEST_PIECES, OUTCOMES
from composer.planning.pooled import PooledStatistics, cell_of, label_of, outcome_of
from midi_data.analysis.activity import RESTS, UNCONDITIONED
from midi_data.analysis.repetition import NEW, REPETITION_CLASSES
from midi_data.events.encoding import part_code
from midi_data.events.features import LAGS
from training.planner.pooled import PieceFacts, pooled_statistics

DRUMS, BASS = part_code(0, is_drum=True), part_code(33, is_drum=False)
SAME_1_BAR_BACK, NEARLY_1_BAR_BACK = 4, 3
SAME_CHORDS = np.ones((4, 2), dtype=np.int64)


def piece(genre: int = 0, style: int = 0, bpm: float = 120, key: int = 1) -> PieceFacts:
    repetition = np.array([NEW, SAME_1_BAR_BACK, SAME_1_BAR_BACK, NEW])
    parts = np.array([[NEW, NEW], [SAME_1_BAR_BACK, UNCONDITIONED], [SAME_1_BAR_BACK, NEW], [NEW, NEW]])
    lags, chords = np.full(4, LAGS[-1]), np.ones((4, 2), dtype=np.int64)
    return PieceFacts(genre, style, bpm, (3, 4), key, (DRUMS, BASS), repetition, lags, parts, chords)


def test_no_row_of_the_shipped_checkpoint_belongs_to_fewer_than_ten_pieces() -> None:
    checkpoint = load_checkpoint()
    pooled = PooledStatistics.of(checkpoint.pooled)
    for counts, tables in (
        (pooled.pieces, (pooled.tempo, pooled.meter, pooled.key)),
        (pooled.part_pieces, (pooled.part_repetition,)),
    ):
        assert ((counts == 0) | (counts >= FEWEST_PIECES)).all()
        assert all(not table[counts == 0].any() for table in tables)
    header = checkpoint.header
    assert all(header.data[genre]["pieces"] >= FEWEST_PIECES for genre in header.genres)
    assert (pooled.pieces[len(header.genres) :] >= FEWEST_PIECES).all()  # so no style has a row of fewer


def test_rows_of_few_pieces_are_empty_and_the_row_of_all_stands_in() -> None:
    pooled = pooled_statistics([piece(0)] * 9 + [piece(1)] * 12, 2, 2)
    assert pooled.pieces.tolist() == [0, 12, 21, 0]
    assert not pooled.tempo[0].any()
    assert pooled.facts_row(0, 0, 2) == 2
    assert pooled.facts_row(1, 0, 2) == 1
    assert pooled.draw_meter(1, np.random.default_rng(0)).numerator == 3


def test_nothing_known_gives_four_four_and_any_tempo() -> None:
    pooled = pooled_statistics([piece()] * 3, 1, 1)
    meter, generator = pooled.draw_meter(0, np.random.default_rng(0)), np.random.default_rng(0)
    assert (meter.numerator, meter.denominator) == (4, 4)
    assert 90 <= pooled.draw_tempo(0, (90, 95), generator) <= 95
    assert pooled.draw_key(0, generator) == 0


def test_tempos_are_drawn_near_those_of_the_pieces() -> None:
    pooled = pooled_statistics([piece(bpm=bpm) for bpm in (100, 140) for _ in range(6)], 1, 1)
    drawn = [pooled.draw_tempo(0, (40, 300), np.random.default_rng(n)) for n in range(200)]
    assert all(min(abs(bpm - 100), abs(bpm - 140)) < 12 for bpm in drawn)
    assert 0.3 < np.mean([bpm > 120 for bpm in drawn]) < 0.7
    slowest, fastest = pooled.tempo_range(0)
    assert 85 < slowest < 100
    assert 140 < fastest < 160


@pytest.mark.parametrize("own", [-1, 0, 4])
def test_a_label_and_its_outcome_are_inverse(own: int) -> None:
    labels = [NEW, *range(2, REPETITION_CLASSES)]
    outcomes = [outcome_of(label, own) for label in labels]
    assert [label_of(outcome, own) for outcome in outcomes] == labels
    assert max(outcomes) < OUTCOMES


def test_parts_repeat_as_those_of_the_pieces_do() -> None:
    pooled = pooled_statistics([piece()] * 12, 1, 1)
    repetition = np.array([NEW, SAME_1_BAR_BACK, SAME_1_BAR_BACK, SAME_1_BAR_BACK])
    activity = np.full((4, 2), 4, dtype=np.uint8)
    labels, _ = pooled.draw_part_repetition(
        0, (DRUMS, BASS), repetition, np.full(4, LAGS[-1]), activity, SAME_CHORDS, np.random.default_rng(0)
    )
    assert labels[:, 0].tolist() == repetition.tolist()
    assert pooled.part_pieces[cell_of(2, 3, 1, same_chords=True)] == 12


def test_a_part_that_plays_the_same_plays_as_much_and_repeats_no_rest() -> None:
    pooled = pooled_statistics([piece()] * 12, 1, 1)
    repetition = np.array([NEW, SAME_1_BAR_BACK, SAME_1_BAR_BACK, SAME_1_BAR_BACK])
    drawn = np.array([[4, 4], [6, 4], [RESTS, 4], [5, 4]], dtype=np.uint8)
    labels, activity = pooled.draw_part_repetition(
        0, (DRUMS, BASS), repetition, np.full(4, LAGS[-1]), drawn, SAME_CHORDS, np.random.default_rng(0)
    )
    assert labels[:, 0].tolist() == [NEW, SAME_1_BAR_BACK, UNCONDITIONED, NEW]
    assert activity[:, 0].tolist() == [4, 4, RESTS, 5]
    assert drawn[:, 0].tolist() == [4, 6, RESTS, 5]


def test_pitched_parts_play_the_same_over_the_same_chords_only() -> None:
    parts = np.array([[NEW, NEW], *[[SAME_1_BAR_BACK, SAME_1_BAR_BACK]] * 3])
    chords = np.array([[1, 2], [1, 2], [1, 3], [1, 4]])
    always = replace(piece(), repetition=parts[:, 0], part_repetition=parts, chords=chords)
    pooled = pooled_statistics([always] * 12, 1, 1)
    repetition, activity = np.array([NEW, *[SAME_1_BAR_BACK] * 3]), np.full((4, 2), 4, dtype=np.uint8)
    labels, _ = pooled.draw_part_repetition(
        0, (DRUMS, BASS), repetition, np.full(4, LAGS[-1]), activity, chords, np.random.default_rng(0)
    )
    assert labels[:, 0].tolist() == repetition.tolist()
    assert labels[:, 1].tolist() == [NEW, SAME_1_BAR_BACK, NEW, NEW]


def test_parts_repeat_by_whether_the_source_has_the_same_chords() -> None:
    parts = np.array([[NEW, NEW], [SAME_1_BAR_BACK, SAME_1_BAR_BACK], [SAME_1_BAR_BACK, NEW]])
    facts = replace(piece(), repetition=parts[:, 0], source_lag=np.full(3, LAGS[-1]), part_repetition=parts)
    chords = np.array([[1, 2], [1, 2], [1, 3]])
    pooled = pooled_statistics([replace(facts, chords=chords)] * 12, 1, 1)
    labels, _ = pooled.draw_part_repetition(
        0, (DRUMS, BASS), parts[:, 0], np.full(3, LAGS[-1]), np.full((3, 2), 4, dtype=np.uint8), chords,
        np.random.default_rng(0),
    )  # fmt: skip
    assert labels.tolist() == parts.tolist()
