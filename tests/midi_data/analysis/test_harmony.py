"""Harmony and ensemble figures of hand-made excerpts have the values that a musician computes."""

import math

import numpy as np
import pytest

from midi_data.analysis.ensemble import ENSEMBLE_SOURCES, ensemble, leap_resolution, together
from midi_data.analysis.harmony import (
    HARMONY_SOURCES,
    change_rate,
    harmony,
    interval_shares,
    return_share,
    slot_chords,
    tonal_distance,
)
from midi_data.chords import NO_CHORD, chord_class
from midi_data.events.encoding import EventSequence, encode
from midi_data.song import Meter, Note, Song, Track

BAR = 96
C, A_MINOR, F, G = (0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14)


def song(*tracks: Track, bars: int = 8, meter: tuple[int, int] = (4, 4)) -> EventSequence:
    ordered = (Track(t.program, t.is_drum, tuple(sorted(t.notes)), t.name) for t in tracks)
    return encode(Song(tuple(ordered), meters=(Meter(0, *meter),), end=bars * BAR))


def chords(bars: list[tuple[int, ...]], program: int = 0) -> Track:
    """One chord a bar around middle C."""
    return Track(program, False, tuple(Note(i * BAR, 60 + p, BAR, 80) for i, own in enumerate(bars) for p in own))


def bass(bars: list[tuple[int, ...]], tone: int = 0) -> Track:
    """Two notes a bar on the ``tone``-th tone of each chord."""
    return Track(33, False, tuple(Note(i * BAR + half, 36 + own[tone] % 12, 48, 80) for i, own in enumerate(bars)
                                  for half in (0, 48)))  # fmt: skip


def drums(bars: int, keys: dict[int, tuple[int, ...]]) -> Track:
    """Strokes of each key at the given ticks of every bar."""
    return Track(0, True, tuple(Note(i * BAR + at, key, 6, 80) for i in range(bars) for key, ats in keys.items()
                                for at in ats))  # fmt: skip


PROGRESSION = [C, A_MINOR, F, G] * 2


def test_a_progression_of_triads_fits_changes_and_returns() -> None:
    figures = harmony(song(chords(PROGRESSION), bass(PROGRESSION)))
    assert figures["chord_fit"] == figures["chord_fit_low"] == 1
    assert figures["bass_on_root"] == 1
    # 16 slots, a change at each of seven bar lines.
    assert figures["chord_change_rate"] == pytest.approx(7 / 15)
    assert figures["template_change_rate"] == pytest.approx(7 / 15)
    assert figures["distinct_chords"] == 4 / 16
    assert figures["same_chord_4_bars"] == 1
    assert figures["same_chord_2_bars"] == 0
    # All windows of the first four bars stand again in the last four, but those over the middle: F G G C and the like.
    assert figures["progression_return"] == pytest.approx(10 / 13)
    assert figures["clash_share"] == 0


def test_chords_are_those_of_the_slots() -> None:
    found = slot_chords(song(chords([C, G]), bars=2))
    assert found.chord.tolist() == [chord_class(0, "")] * 2 + [chord_class(7, "")] * 2
    assert found.root.tolist() == [0, 0, 7, 7]
    assert found.bass.tolist() == [0, 0, 7, 7]
    assert found.has_tone(np.array([0, 0, 2]), np.array([64, 65, 62])).tolist() == [True, False, True]


def test_a_bass_on_the_fifth_is_not_on_the_root() -> None:
    assert harmony(song(chords(PROGRESSION), bass(PROGRESSION, tone=2)))["bass_on_root"] < 0.3


def test_notes_outside_the_chord_lower_the_fit() -> None:
    # C E G for a bar, and a D and an F# of another part: 3 of 5 parts of the duration fit.
    outside = Track(40, False, (Note(0, 74, BAR, 80), Note(0, 78, BAR, 80)))
    assert harmony(song(chords([C]), outside, bars=1))["chord_fit"] == pytest.approx(3 / 5)


def test_an_excerpt_without_pitched_notes_has_no_harmony() -> None:
    events = song(drums(2, {36: (0,)}), bars=2)
    assert all(math.isnan(value) for value in harmony(events).values())
    assert math.isnan(ensemble(events)["motif_return"])
    assert slot_chords(events).chord.tolist() == [NO_CHORD] * 4


def test_clashes_are_pairs_of_two_parts_by_their_common_duration() -> None:
    one = Track(0, False, (Note(0, 60, 48, 80), Note(0, 61, 48, 80), Note(48, 60, 48, 80)))
    other = Track(40, False, (Note(0, 71, 48, 80), Note(48, 66, 24, 80)))
    # 60-71 (48 ticks) is a major seventh, 61-71 (48) a minor one, 60-66 (24) a tritone; 60-61 is one part's own.
    assert interval_shares(song(one, other, bars=1)) == pytest.approx((48 / 120, 24 / 120))


def test_the_tonal_distance_of_equal_pitch_classes_is_0_and_grows_with_remoteness() -> None:
    def distance(pitch: int) -> float:
        events = song(chords([(0,)]), Track(40, False, (Note(0, pitch, BAR, 80),)), bars=1)
        return tonal_distance(events, slot_chords(events).edges)

    assert distance(72) == pytest.approx(0)
    assert 0 < distance(67) < distance(66)
    # A fifth: chords of 7π/6 · 7, 3π/2 · 7 and 2π/3 · 7 on circles of radius 1, 1 and 0.5.
    angles = [7 * 7 * math.pi / 6, 7 * 3 * math.pi / 2, 7 * 2 * math.pi / 3]
    by_hand = math.sqrt(sum((2 * r * math.sin(a / 2)) ** 2 for a, r in zip(angles, (1, 1, 0.5), strict=True)))
    assert distance(67) == pytest.approx(by_hand)


def test_rates_and_returns_of_sequences() -> None:
    assert change_rate(np.array([1, 1, 2, 0, 2, 3]), 0) == pytest.approx(2 / 3)
    assert return_share(np.array([1, 2, 3, 1, 2, 3]), 3) == pytest.approx(2 / 4)
    assert math.isnan(return_share(np.array([1, 2]), 3))


def test_kick_bass_backbeat_and_shared_onsets() -> None:
    kit = drums(8, {36: (0, 48), 38: (24, 72), 42: (0, 12, 24, 36)})
    figures = ensemble(song(chords(PROGRESSION), bass(PROGRESSION), kit))
    assert figures["kick_with_bass"] == figures["bass_with_kick"] == 1
    assert figures["backbeat"] == 1
    # Ticks 0 and 48 of a bar are shared; 12, 24, 36 and 72 are the drums' alone.
    assert figures["shared_onsets"] == pytest.approx(2 / 6)
    half = ensemble(song(bass(PROGRESSION), drums(8, {36: (0, 24, 48, 72), 38: (24,)})))
    assert half["kick_with_bass"] == 0.5
    assert half["backbeat"] == 0.5
    assert math.isnan(together(np.array([1]), np.array([])))


def test_a_melody_on_chord_tones_with_a_motif_and_resolved_leaps() -> None:
    # Each bar: root, third, fifth, then a rest of two beats; the fifth ends the phrase.
    notes = [
        Note(i * BAR + 12 * step, 72 + own[step], 12, 80) for i, own in enumerate(PROGRESSION) for step in range(3)
    ]
    figures = ensemble(song(chords(PROGRESSION), bass(PROGRESSION), Track(73, False, tuple(notes))))
    assert figures["phrase_end_on_chord"] == 1
    assert figures["strong_beat_on_chord"] == 1
    # 21 motifs of three intervals; the three over the middle, from G back to C, occur once.
    assert figures["motif_return"] == pytest.approx(18 / 21)
    off = [Note(n.onset, n.pitch + 1, n.duration, n.velocity) for n in notes]
    moved = ensemble(song(chords(PROGRESSION), bass(PROGRESSION), Track(73, False, tuple(off))))
    assert moved["phrase_end_on_chord"] < 0.5
    assert moved["motif_return"] == figures["motif_return"]


def test_leaps_are_resolved_by_a_step_back() -> None:
    # Up 7 then down 2: resolved; up 5 then up 2: not; down 12 then up 1: resolved.
    assert leap_resolution(np.array([60, 67, 65, 70, 72, 60, 61])) == pytest.approx(2 / 3)


def test_every_figure_has_a_source() -> None:
    events = song(chords(PROGRESSION), bass(PROGRESSION))
    assert list(harmony(events)) == list(HARMONY_SOURCES)
    assert list(ensemble(events)) == list(ENSEMBLE_SOURCES)


def test_a_bar_of_three_quarters_is_one_slot() -> None:
    waltz = Track(0, False, tuple(Note(i * 72, 60 + p, 72, 80) for i, own in enumerate(PROGRESSION) for p in own))
    events = encode(Song((waltz,), meters=(Meter(0, 3, 4),), end=8 * 72))
    assert harmony(events)["chord_change_rate"] == 1
