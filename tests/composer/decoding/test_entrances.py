"""A part without a note is chosen in the last bar in which it may play."""

from __future__ import annotations

import numpy as np

from composer.decoding.rules import FORBIDDEN, EntranceRule
from midi_data.analysis.activity import RESTS
from midi_data.events.encoding import part_code
from tests.composer.decoding.states import BAR, state_at

DRUMS, PIANO, BASS = part_code(0, is_drum=True), part_code(0, is_drum=False), part_code(33, is_drum=False)
BAND = (DRUMS, PIANO, BASS)


def chosen_from(rule: EntranceRule, bar: int) -> list[int]:
    logits = [0.0] * len(BAND)
    rule.apply(list(BAND), logits, state_at(BAND, bar * BAR))
    return [part for part, logit in zip(BAND, logits, strict=True) if logit > FORBIDDEN]


def test_a_silent_part_is_due_in_its_last_bar() -> None:
    activity = np.full((16, 3), 4, dtype=np.uint8)
    activity[3:, 1] = RESTS
    rule = EntranceRule(BAND, activity)
    assert chosen_from(rule, 1) == list(BAND)
    assert chosen_from(rule, 2) == [PIANO]
    rule.update((2 * BAR, PIANO, 60, 5, 8))
    assert chosen_from(rule, 2) == list(BAND)
    assert chosen_from(rule, 15) == [DRUMS, BASS]


def test_a_part_that_rests_throughout_is_never_due() -> None:
    activity = np.full((16, 3), RESTS, dtype=np.uint8)
    assert all(chosen_from(EntranceRule(BAND, activity), bar) == list(BAND) for bar in range(16))
