"""Asked chords: which pitches may begin where, and how long notes may sound."""

from __future__ import annotations

import pytest

from composer.decoding.biases import ChordPlan
from composer.decoding.generate import Composer
from composer.decoding.rules import FORBIDDEN, ChordConstraint
from composer.model.checkpoint import load_checkpoint
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.analysis.chords import chord_slots
from midi_data.bars import BarGrid
from midi_data.chords import NO_CHORD, parse_chords
from midi_data.events.encoding import DURATIONS, encode, part_code
from tests.composer.decoding.states import BAR, state_at

PIANO, BASS, DRUMS = part_code(0, is_drum=False), part_code(33, is_drum=False), part_code(0, is_drum=True)
PITCHES = list(range(60, 72))
LENGTHS = list(range(len(DURATIONS)))


def allowed(
    chords: str, field: str, part: int, tick: int = 0, pitch: int | None = None, classes: list[int] | None = None
) -> list[int]:
    """The classes that may come: pitches 60–71 or durations in ticks, in 4/4 with two chord slots a bar."""
    plan = [chord for bar in parse_chords(chords).bars for chord in bar]
    constraint = ChordConstraint(ChordPlan(plan))
    state = state_at((PIANO, BASS, DRUMS), tick, part, bars=len(plan) // 2)
    if pitch is not None:
        state.event.append(pitch)
    classes = classes or (PITCHES if field == "pitch" else LENGTHS)
    logits = [0.0] * len(classes)
    constraint.apply(classes, logits, state)
    kept = [each for each, logit in zip(classes, logits, strict=True) if logit > FORBIDDEN]
    return [DURATIONS[each] for each in kept] if field == "duration" else kept


def test_tones_of_the_chord_begin_on_beats_and_a_bass_begins_with_the_root() -> None:
    assert allowed("C G", "pitch", PIANO) == [60, 64, 67]
    assert allowed("C G", "pitch", PIANO, tick=24) == [60, 64, 67]
    assert allowed("C G", "pitch", BASS) == [60]
    assert allowed("C G", "pitch", BASS, tick=24) == [60, 64, 67]


def test_other_tones_pass_off_the_beat_but_no_other_third_or_seventh() -> None:
    assert allowed("C G", "pitch", PIANO, tick=6) == [60, 61, 62, 64, 65, 66, 67, 68, 69]
    assert allowed("C5 G", "pitch", PIANO, tick=6) == [60, 61, 66, 67, 68, 69]
    assert max(allowed("C G", "duration", PIANO, tick=6, pitch=62)) == 12


@pytest.mark.parametrize(("pitch", "longest"), [(60, 96), (67, 288)])
def test_a_note_ends_where_a_chord_begins_that_it_is_not_in(pitch: int, longest: int) -> None:
    assert max(allowed("C G Cmaj7", "duration", PIANO, pitch=pitch)) == longest


def test_a_note_just_before_a_slot_belongs_to_it() -> None:
    assert 64 in allowed("C G", "pitch", PIANO, tick=BAR - 6)
    assert 71 in allowed("C G", "pitch", PIANO, tick=BAR - 2)
    assert max(allowed("C G", "duration", PIANO, tick=BAR - 2, pitch=71)) == 96


def test_drums_no_chord_and_what_would_leave_nothing_are_left_alone() -> None:
    assert allowed("C C", "pitch", DRUMS) == PITCHES
    assert allowed("N.C.", "pitch", PIANO) == PITCHES
    assert allowed("C", "pitch", PIANO, classes=[61, 62]) == [61, 62]
    assert parse_chords("N.C.").bars == ((NO_CHORD, NO_CHORD),)


def test_a_song_has_the_chords_asked_for() -> None:
    checkpoint = load_checkpoint()
    request = ComposeRequest(genres={"pop": 1.0}, chords=("Am", "F", "C", "E5"), seed=5, length_seconds=20)
    plan = plan_song(request, checkpoint)
    (song,) = Composer(checkpoint).compose([plan])
    events = encode(song)
    found = chord_slots(events, BarGrid.of(events.meters, events.end))
    assert plan.chords is not None
    assert (found[: len(plan.chords)] == plan.chords[: len(found)]).mean() >= 0.85
