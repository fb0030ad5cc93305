"""Events and songs are inverses up to what quantisation says; the song's own arithmetic."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from midi_data.analysis.repetition import NEW, UNCONDITIONED, part_repetition_of, repetition_of
from midi_data.bars import BarGrid
from midi_data.events.encoding import (
    DURATIONS,
    PART_LIMIT,
    VOCABULARY,
    decode,
    duration_class,
    encode,
    part_code,
    part_instrument,
    part_name,
    quantised,
)
from midi_data.events.features import LAGS
from midi_data.song import Meter, Note, Song, Tempo, Track
from tests.songs import riff

notes = st.lists(
    st.builds(Note, st.integers(0, 800), st.integers(0, 127), st.integers(1, 900), st.integers(1, 127)), max_size=40
)
tracks = st.lists(st.builds(Track, st.sampled_from([0, 30, 33]), st.booleans(), notes.map(tuple)), max_size=8)


@settings(max_examples=80, deadline=None)
@given(tracks)
def test_decoding_what_was_encoded_is_the_quantised_song(parts: list[Track]) -> None:
    song = quantised(Song(tuple(parts)))
    assert decode(encode(song)) == song
    assert quantised(song) == song


@settings(max_examples=80, deadline=None)
@given(tracks)
def test_a_note_ends_when_its_pitch_is_struck_again(parts: list[Track]) -> None:
    for track in quantised(Song(tuple(parts))).tracks:
        ends: dict[int, int] = {}
        for note in track.notes:
            assert note.onset >= ends.get(note.pitch, 0)
            ends[note.pitch] = note.end


@given(st.integers(1, 1000))
def test_duration_classes_are_the_nearest_by_ratio(ticks: int) -> None:
    chosen = DURATIONS[duration_class(ticks)]
    assert max(chosen, ticks) / min(chosen, ticks) == min(max(d, ticks) / min(d, ticks) for d in DURATIONS)


def test_every_class_fits_its_vocabulary() -> None:
    events = encode(riff())
    for field, column in (
        ("part", events.part),
        ("pitch", events.pitch),
        ("duration", events.duration),
        ("velocity", events.velocity),
    ):
        assert column.min() >= 0
        assert column.max() < VOCABULARY[field]


def test_two_guitars_of_one_program_stay_two_parts_and_drum_tracks_become_one() -> None:
    guitar = Track(30, False, (Note(0, 40, 12, 90),))
    drums = Track(0, True, (Note(0, 36, 6, 90),))
    song = quantised(Song((guitar, guitar, drums, drums)))
    assert [(t.program, t.is_drum) for t in song.tracks] == [(0, True), (30, False), (30, False)]
    assert [t.name for t in song.tracks][1:] == ["Distortion Guitar 1", "Distortion Guitar 2"]


def test_the_busiest_parts_stay_when_there_are_too_many() -> None:
    many = tuple(Track(p, False, tuple(Note(24 * i, 60, 12, 80) for i in range(p + 1))) for p in range(PART_LIMIT + 4))
    kept = [track.program for track in quantised(Song(many)).tracks]
    assert kept == list(range(4, PART_LIMIT + 4))


def test_part_classes_name_their_instrument() -> None:
    for program in (0, 64, 127):
        assert part_instrument(part_code(program, is_drum=False, occurrence=3)) == (program, False)
    assert part_instrument(part_code(5, is_drum=True)) == (0, True)
    assert part_name(part_code(33, is_drum=False), [part_code(33, is_drum=False)]) == "Electric Bass (finger)"


def test_a_repeated_bar_has_another_label_than_a_new_one() -> None:
    song = riff(bars=16)
    bass_only = Song((song.tracks[2],), song.tempos, song.meters, end=song.end)
    events = encode(bass_only)
    repetition, _ = repetition_of(events, BarGrid.of(events.meters, events.end))
    four_bars_ago_the_same = 2 + 3 * LAGS.index(4) + 2
    assert repetition[0] == NEW
    assert set(repetition[4:].tolist()) == {four_bars_ago_the_same}


def test_a_source_is_found_at_any_distance() -> None:
    """Twelve bars that are all different, and again: no usual lag, so the last look is turned there."""
    chorus = [Note(96 * bar + 24 * beat, 40 + bar + beat, 12, 80) for bar in range(12) for beat in range(4)]
    again = [replace(note, onset=note.onset + 12 * 96) for note in chorus]
    events = encode(Song((Track(30, False, tuple(chorus + again)),)))
    repetition, source_lag = repetition_of(events, BarGrid.of(events.meters, events.end))
    the_same_from_there = 2 + 3 * (len(LAGS) - 1) + 2
    assert set(repetition[12:].tolist()) == {the_same_from_there}
    assert set(source_lag[12:].tolist()) == {12}
    assert set(source_lag[:12].tolist()) == {LAGS[-1]}


def test_parts_repeat_independently() -> None:
    drums = Track(0, True, tuple(Note(24 * beat, 36, 6, 90) for beat in range(32)))
    tune = Track(30, False, tuple(Note(24 * beat, 40 + beat, 12, 80) for beat in range(24)))
    events = encode(Song((drums, tune), end=8 * 96))
    grid = BarGrid.of(events.meters, events.end)
    repetitions = part_repetition_of(events, grid, *repetition_of(events, grid))
    (drums_at,) = (place for place, part in enumerate(events.band) if part_instrument(part)[1])
    of_drums, of_tune = repetitions[:, drums_at].tolist(), repetitions[:, 1 - drums_at].tolist()
    one_bar_ago_the_same = 4
    assert of_drums == [NEW] + [one_bar_ago_the_same] * 7
    assert of_tune == [NEW] * 6 + [UNCONDITIONED] * 2


def test_seconds_follow_the_tempo_map() -> None:
    song = Song((Track(0, False, (Note(0, 60, 192, 80),)),), (Tempo(0, 60.0), Tempo(96, 120.0)), (Meter(0, 4, 4),))
    assert song.seconds_at(96) == 4.0
    assert song.duration_seconds == 6.0
    assert song.bar_count == 2
