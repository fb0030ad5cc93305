"""The pitch by which a motif went on rises."""

from __future__ import annotations

import pytest

from composer.decoding.biases import ChordPlan, MotifBias
from midi_data.chords import parse_chords
from midi_data.events.encoding import part_code
from midi_data.events.features import LAGS, NONE
from tests.composer.decoding.states import state_at

FLUTE, BASS, DRUMS = part_code(73, is_drum=False), part_code(33, is_drum=False), part_code(0, is_drum=True)
C = parse_chords("C").bars[0][0]
PITCHES = list(range(60, 72))
OFF_BEAT, BEAT = 6, 24
NO_PITCH = NONE["pitch"]


def raised(part: int, motifs: list[int], tick: int = OFF_BEAT, chords: ChordPlan | None = None) -> dict[int, float]:
    """Pitches with a bonus; ``motifs``: how the short, the middle and the long motif went on."""
    logits = [0.0] * len(PITCHES)
    state = state_at((DRUMS, BASS, FLUTE), tick, part, lookback=[*[NO_PITCH] * (len(LAGS) + 1), *motifs])
    MotifBias(1.5, chords or ChordPlan()).apply(PITCHES, logits, state)
    return {pitch: logit for pitch, logit in zip(PITCHES, logits, strict=True) if logit}


def test_the_longest_motif_counts() -> None:
    assert raised(FLUTE, [62, 64, 69]) == {69: 1.5}
    assert raised(FLUTE, [62, 64, NO_PITCH]) == {64: 1.5}
    assert raised(FLUTE, [NO_PITCH] * 3) == {}


def test_a_motif_that_leads_to_a_pitch_that_is_not_allowed_gives_way_to_a_shorter_one() -> None:
    assert raised(FLUTE, [62, 64, 90]) == {64: 1.5}


@pytest.mark.parametrize("part", [BASS, DRUMS])
def test_basses_and_drums_are_left_alone(part: int) -> None:
    assert raised(part, [62, 64, 69]) == {}


def test_on_beats_only_tones_of_the_chord_rise() -> None:
    chords = ChordPlan([C, C])
    assert raised(FLUTE, [62, 62, 62], BEAT, chords) == {}
    assert raised(FLUTE, [67, 62, 62], BEAT, chords) == {67: 1.5}
    assert raised(FLUTE, [67, 62, 62], OFF_BEAT, chords) == {62: 1.5}
