"""Self-similarity of songs with known repetition."""

import math

import numpy as np
import pytest

from midi_data.analysis.structure import best_at, mean_at, rhythm_similarity, self_similarity, structure
from midi_data.events.encoding import EventSequence, encode
from midi_data.song import Note, Song, Track

BAR = 96
PITCHES = {"a": (60, 62), "b": (60, 65), "c": (71, 72)}


def piece(repetition: str) -> EventSequence:
    """One bar a letter: two half notes; ``a`` and ``b`` share the first, ``-`` is an empty bar."""
    notes = tuple(
        Note(bar * BAR + 48 * i, pitch, 48, 90)
        for bar, letter in enumerate(repetition)
        for i, pitch in enumerate(PITCHES.get(letter, ()))
    )
    return encode(Song((Track(0, False, notes),), end=len(repetition) * BAR))


def test_similarity_is_the_share_of_notes_in_common() -> None:
    alike = self_similarity(piece("abca"))
    assert np.diag(alike).tolist() == [1, 1, 1, 1]
    assert alike[0, 3] == 1
    assert alike[0, 1] == pytest.approx(1 / 3)
    assert alike[0, 2] == 0
    assert np.array_equal(alike, alike.T)


def test_two_empty_bars_have_no_similarity() -> None:
    alike = self_similarity(piece("a--a"))
    assert math.isnan(alike[1, 2])
    assert alike[0, 1] == 0
    assert mean_at(alike, 1, 2) == 0
    assert mean_at(alike, 3, 4) == 1


def test_rhythms_may_be_similar_where_notes_are_not() -> None:
    assert rhythm_similarity(piece("ac"))[0, 1] == 1


def test_the_best_match_is_an_earlier_bar() -> None:
    alike = self_similarity(piece("aab"))
    # Bar 2 repeats bar 1, bar 3 shares a third with either; bar 1 has none before it.
    assert best_at(alike, 1, 8) == pytest.approx((1 + 1 / 3) / 2)


def test_a_riff_of_eight_bars_comes_back_at_eight_to_sixteen() -> None:
    found = structure(piece("abcbcbcb" * 4))
    assert found["best_match_8_16"] == 1
    assert found["best_match_16_up"] == 1
    assert found["similarity_8_16"] < 1
    assert found["rhythm_similarity_4"] == 1


def test_a_piece_that_never_repeats_has_no_similarity() -> None:
    notes = tuple(Note(bar * BAR, 40 + bar, 48, 90) for bar in range(20))
    found = structure(encode(Song((Track(0, False, notes),), end=20 * BAR)))
    assert found["best_match_1_8"] == 0
    assert found["similarity_16_up"] == 0
    assert found["rhythm_similarity_4"] == 1


def test_a_short_piece_has_no_far_lags() -> None:
    found = structure(piece("abab"))
    assert math.isnan(found["similarity_8_16"])
    assert math.isnan(found["best_match_16_up"])
    assert found["best_match_1_8"] > 0.5
