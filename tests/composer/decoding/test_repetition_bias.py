"""Parts that return are asked to play what their source played, where it played; the others are left room."""

import numpy as np
import pytest

from composer.decoding.repetition_bias import BACK, RepetitionBias
from midi_data.analysis.repetition import NEW, SIMILARITY_EDGES
from midi_data.events.encoding import part_code
from midi_data.events.features import LAGS, NONE

ORGAN, BASS, DRUMS = part_code(16, is_drum=False), part_code(33, is_drum=False), part_code(0, is_drum=True)
BAND = [ORGAN, BASS, DRUMS]
NOBODY = [NONE["part"]] * len(LAGS)


def repetition(lag: int, level: int) -> int:
    """The class of what is like ``lag`` bars ago: 1 varied, 2 nearly the same, 3 the same."""
    return 2 + len(SIMILARITY_EDGES) * LAGS.index(lag) + level - 1


def repetition_bias(*bars: tuple[int, int, int], repetition_strength: float = 1.0) -> RepetitionBias:
    return RepetitionBias(BAND, np.array(bars, dtype=np.uint8), repetition_strength)


def shares(logits: list[float]) -> np.ndarray:
    weights = np.exp(np.array(logits) - max(logits))
    return np.asarray(weights / weights.sum())


@pytest.mark.parametrize("level", [1, 2, 3])
def test_what_the_source_of_a_part_held_is_likelier_the_more_alike_it_is(level: int) -> None:
    own = repetition_bias((NEW, repetition(4, level), NEW))
    logits, lookback = [0.0, 0.0, 0.0], [7, 7, 9, 7, 7, 7]
    own.lean_note([2, 7, 9], logits, lookback, 0, BASS)
    assert logits == [0, 0, BACK[level]]
    assert BACK[level] > BACK[level - 1]


def test_a_new_part_and_what_may_not_come_next_are_left_alone() -> None:
    own = repetition_bias((NEW, repetition(1, 3), NEW))
    logits = [0.0, 0.0]
    own.lean_note([2, 7], logits, [7] * 6, 0, ORGAN)
    own.lean_note([2, 7], logits, [5] * 6, 0, BASS)
    assert logits == [0, 0]


def test_a_part_that_returns_is_not_passed_over_and_leaves_room_to_the_new_before_it() -> None:
    own = repetition_bias((NEW, repetition(4, 3), NEW))
    lookback = [*NOBODY[:2], BASS, *NOBODY[3:]]
    logits = [0.0, 0.0, 0.0]
    own.lean_part(BAND, logits, lookback, 0)
    organ, bass, drums = shares(logits)
    assert organ == pytest.approx(1 / 3)
    assert bass > 0.66
    assert drums < 0.001


def test_another_lag_than_the_source_of_a_part_says_nothing() -> None:
    own = repetition_bias((NEW, repetition(4, 1), NEW))
    logits = [0.0, 0.0]
    own.lean_part([ORGAN, BASS], logits, [BASS, *NOBODY[1:]], 0)
    assert logits == [0, 0]


def test_a_genre_returns_as_much_as_it_is_told() -> None:
    logits = [0.0]
    repetition_bias((NEW, repetition(1, 1), NEW), repetition_strength=2.0).lean_note([7], logits, [7] * 6, 0, BASS)
    assert logits == [2 * BACK[1]]
