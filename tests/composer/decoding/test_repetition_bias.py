"""What a part's source bar had is biased up, the more the more similar the bars are planned to be."""

import math

import numpy as np
import pytest

from composer.decoding.biases import RepetitionBias, SourceBars
from composer.decoding.parameters import SOURCE_BONUS
from midi_data.analysis.repetition import NEW, SIMILARITY_EDGES
from midi_data.events.encoding import part_code
from midi_data.events.features import LAGS, NONE
from tests.composer.decoding.states import state_at

ORGAN, BASS, DRUMS = part_code(16, is_drum=False), part_code(33, is_drum=False), part_code(0, is_drum=True)
BAND = [ORGAN, BASS, DRUMS]
NO_PARTS = [NONE["part"]] * len(LAGS)


def label(lag: int, level: int) -> int:
    """The label of a bar similar to the one ``lag`` bars ago: 1 varied, 2 nearly the same, 3 the same."""
    return 2 + len(SIMILARITY_EDGES) * LAGS.index(lag) + level - 1


def bias_of(*bars: tuple[int, int, int]) -> RepetitionBias:
    return RepetitionBias(SourceBars(BAND, np.array(bars, dtype=np.uint8), [16] * len(bars)))


def biased(bias: RepetitionBias, part: int, classes: list[int], lookback: list[int]) -> list[float]:
    """Logits of ``classes``: pitches of ``part``, or parts if it is −1."""
    logits = [0.0] * len(classes)
    bias.apply(classes, logits, state_at(BAND, 0, part, lookback=lookback))
    return logits


def shares(logits: list[float]) -> np.ndarray:
    weights = np.exp(np.array(logits) - max(logits))
    return np.asarray(weights / weights.sum())


@pytest.mark.parametrize("level", [1, 2])
def test_the_bonus_of_the_source_rises_with_similarity(level: int) -> None:
    bias = bias_of((NEW, label(4, level), NEW))
    assert biased(bias, BASS, [2, 7, 9], [7, 7, 9, 7, 7, 7]) == [0, 0, SOURCE_BONUS[level - 1]]
    assert list(SOURCE_BONUS) == sorted(SOURCE_BONUS)


def test_new_parts_and_classes_that_are_not_allowed_get_no_bonus() -> None:
    bias = bias_of((NEW, label(1, 2), NEW))
    assert biased(bias, ORGAN, [2, 7], [7] * 6) == [0, 0]
    assert biased(bias, BASS, [2, 7], [5] * 6) == [0, 0]


def test_a_repeating_part_gains_at_the_cost_of_later_parts_only() -> None:
    bias, odds = bias_of((NEW, label(4, 2), NEW)), math.exp(SOURCE_BONUS[1])
    organ, bass, drums = shares(biased(bias, -1, BAND, [*NO_PARTS[:2], BASS, *NO_PARTS[3:]]))
    assert organ == pytest.approx(1 / 3, abs=0.001)
    assert bass == pytest.approx(2 / 3 * odds / (odds + 1), abs=0.001)
    assert drums == pytest.approx(2 / 3 / (odds + 1), abs=0.001)


def test_other_lags_than_the_source_give_no_bonus() -> None:
    bias = bias_of((NEW, label(4, 1), NEW))
    assert biased(bias, -1, [ORGAN, BASS], [BASS, *NO_PARTS[1:]]) == [0, 0]


def test_the_last_lag_is_the_bars_own() -> None:
    sources = SourceBars(BAND, np.full((2, 3), NEW, dtype=np.uint8), [16, 5])
    assert [sources.distance(1, lag) for lag in range(len(LAGS))] == [*LAGS[:-1], 5]
