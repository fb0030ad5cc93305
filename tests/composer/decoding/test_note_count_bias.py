"""A part that has played more than it was told is called less, one that has played less is called more."""

import math

import numpy as np

from composer.decoding.note_count_bias import PRIOR, STRENGTH, NoteCountBias
from midi_data.analysis.activity import RESTS, TYPICAL_NOTES, UNCONDITIONED
from midi_data.events.encoding import part_code

BASS, DRUMS = part_code(33, is_drum=False), part_code(0, is_drum=True)
BAND = [BASS, DRUMS]
BAR = 96
FIVE_NOTES = 4


def told(bass: int = FIVE_NOTES, drums: int = FIVE_NOTES) -> NoteCountBias:
    return NoteCountBias(BAND, np.tile(np.array([bass, drums], dtype=np.uint8), (8, 1)), BAR)


def biased(bias: NoteCountBias, tick: int) -> list[float]:
    logits = [0.0, 0.0]
    bias.lean(BAND, logits, tick, tick // BAR)
    return logits


def test_at_the_beginning_nothing_leans() -> None:
    assert biased(told(), 0) == [0, 0]


def test_a_part_ahead_of_what_it_was_told_is_called_less_and_one_behind_more() -> None:
    bias = told()
    for _ in range(12):
        bias.heard(DRUMS)
    bass, drums = biased(bias, BAR)
    five = TYPICAL_NOTES[FIVE_NOTES]
    assert drums == STRENGTH * math.log((five + PRIOR) / (12 + PRIOR)) < 0
    assert bass == STRENGTH * math.log((five + PRIOR) / PRIOR) > 0


def test_a_part_on_its_course_is_left_alone() -> None:
    bias = told()
    for _ in range(int(2 * TYPICAL_NOTES[FIVE_NOTES])):
        bias.heard(BASS)
    assert abs(biased(bias, 2 * BAR)[0]) < 0.05


def test_bars_of_rest_ask_for_nothing() -> None:
    assert biased(told(bass=RESTS), 4 * BAR)[0] == 0 < biased(told(), 4 * BAR)[0]


def test_a_part_that_is_not_told_of_never_leans() -> None:
    bias = told(bass=UNCONDITIONED)
    for _ in range(40):
        bias.heard(BASS)
    assert biased(bias, 6 * BAR)[0] == 0
