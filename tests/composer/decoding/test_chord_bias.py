"""Pitches lean towards the planned chord."""

from __future__ import annotations

from composer.decoding.biases import ChordBias, ChordPlan
from composer.decoding.parameters import CHORD_BIAS
from composer.decoding.song_state import SongState
from midi_data.chords import NO_CHORD, parse_chords
from midi_data.events.encoding import part_code
from tests.composer.decoding.states import BAR, state_at

PIANO, BASS, DRUMS = part_code(0, is_drum=False), part_code(33, is_drum=False), part_code(0, is_drum=True)
C, G = (bar[0] for bar in parse_chords("C G").bars)
PITCHES = list(range(60, 72))


def place(part: int, slot: int = 0) -> SongState:
    """A song whose present event is a note of ``part`` where chord slot ``slot`` begins."""
    return state_at((PIANO, BASS, DRUMS), slot * BAR // 2, part)


def biased(bias: ChordBias, state: SongState) -> list[float]:
    logits = [0.0] * len(PITCHES)
    bias.apply(PITCHES, logits, state)
    return logits


def bias_of(*chords: int, strength: float = 1.0) -> ChordBias:
    return ChordBias(ChordPlan(chords), strength)


def test_tones_of_the_chord_rise() -> None:
    logits = biased(bias_of(C, C), place(PIANO))
    assert {pitch % 12 for pitch, logit in zip(PITCHES, logits, strict=True) if logit > 0} == {0, 4, 7}
    assert min(logits) == 0
    assert logits[0] == 3 * CHORD_BIAS  # a slot begins here


def test_drums_and_songs_without_chart_are_left_alone() -> None:
    assert not any(biased(bias_of(C, C), place(DRUMS)))
    assert not any(biased(bias_of(), place(PIANO)))
    assert not any(biased(bias_of(NO_CHORD, NO_CHORD), place(PIANO)))


def test_tones_not_yet_played_in_the_slot_rise_where_chords_are_asked_for() -> None:
    bias = bias_of(C, G, strength=3.0)
    before = biased(bias, place(PIANO))
    bias.update((0, PIANO, 64, 5, 8))
    bias.update((0, BASS, 67, 5, 8))
    after = biased(bias, place(PIANO))
    assert after[4] < before[4]
    assert after[7] == before[7]
    assert biased(bias, place(PIANO, slot=1))[7] > 0


def test_sources_with_another_chord_are_known() -> None:
    plan = ChordPlan([C, C, G, G, C, C])
    assert plan.differs(2, 1)
    assert not plan.differs(4, 2)
    assert not plan.differs(0, 1)  # the source lies before the song
    assert not ChordPlan().differs(2, 1)
