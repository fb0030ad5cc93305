"""Parts above their planned note count are biased down, parts below it up."""

import math

import numpy as np
import pytest

from composer.decoding.biases import NoteCountBias
from composer.decoding.parameters import NOTE_COUNT_PRIOR as PRIOR
from composer.decoding.parameters import NOTE_COUNT_STRENGTH as STRENGTH
from midi_data.analysis.activity import RESTS, TYPICAL_NOTES, UNCONDITIONED
from midi_data.events.encoding import part_code
from tests.composer.decoding.states import BAR, state_at

BASS, DRUMS = part_code(33, is_drum=False), part_code(0, is_drum=True)
BAND = [BASS, DRUMS]
FIVE_NOTES = 4


def planned(bass: int = FIVE_NOTES, drums: int = FIVE_NOTES) -> NoteCountBias:
    return NoteCountBias(BAND, np.tile(np.array([bass, drums], dtype=np.uint8), (8, 1)), BAR)


def biased(bias: NoteCountBias, tick: int) -> list[float]:
    logits = [0.0, 0.0]
    bias.apply(BAND, logits, state_at(BAND, tick))
    return logits


def play(bias: NoteCountBias, part: int, notes: int) -> None:
    for _ in range(notes):
        bias.update((0, part, 40, 5, 8))


def test_there_is_no_bias_at_the_beginning() -> None:
    assert biased(planned(), 0) == [0, 0]


def test_a_part_above_its_plan_is_biased_down_and_one_below_it_up() -> None:
    bias = planned()
    play(bias, DRUMS, 12)
    bass, drums = biased(bias, BAR)
    five = TYPICAL_NOTES[FIVE_NOTES]
    assert drums == pytest.approx(STRENGTH * math.log((five + PRIOR) / (12 + PRIOR)), abs=0.002)
    assert bass == pytest.approx(STRENGTH * math.log((five + PRIOR) / PRIOR), abs=0.002)


def test_a_part_that_follows_its_plan_has_no_bias() -> None:
    bias = planned()
    play(bias, BASS, int(2 * TYPICAL_NOTES[FIVE_NOTES]))
    assert abs(biased(bias, 2 * BAR)[0]) < 0.05


def test_bars_of_rest_plan_no_notes() -> None:
    assert biased(planned(bass=RESTS), 4 * BAR)[0] == 0 < biased(planned(), 4 * BAR)[0]


def test_an_unconditioned_part_has_no_bias() -> None:
    bias = planned(bass=UNCONDITIONED)
    play(bias, BASS, 40)
    assert biased(bias, 6 * BAR)[0] == 0


def test_only_parts_are_biased() -> None:
    assert NoteCountBias.fields == ("part",)
