"""Pitch dropout is the same in training as in composing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.decoding.song_state import SongState
from midi_data.analysis.repetition import NEW, TRAINING_PITCH_DROPOUT, by_part_class, draw_pitch_dropout
from midi_data.bars import BarGrid
from midi_data.events.encoding import MAX_SHIFT, encode, part_code
from midi_data.events.features import LAGS, NONE, step_features
from midi_data.song import Meter, Note, Song, Track
from training.data.examples import chord_pitch_dropout, drop_pitches

DRUMS, ORGAN, BASS = part_code(0, is_drum=True), part_code(16, is_drum=False), part_code(33, is_drum=False)
BAND = tuple(sorted((DRUMS, ORGAN, BASS)))
BARS, BAR = 5, 96
notes = st.lists(st.tuples(st.integers(0, BARS * BAR // 6 - 1), st.integers(36, 60)), min_size=1, max_size=30)


def song_of(drums: list[tuple[int, int]], organ: list[tuple[int, int]], bass: list[tuple[int, int]]) -> Song:
    tracks = [
        Track(program, is_drum, tuple(Note(6 * at, pitch, 6, 100) for at, pitch in sorted(set(played))))
        for program, is_drum, played in ((0, True, drums), (16, False, organ), (33, False, bass))
    ]
    return Song(tuple(tracks), end=BARS * BAR)


@settings(max_examples=50, deadline=None)
@given(notes, notes, notes, st.integers(0, 2**32))
def test_training_drops_the_pitches_that_composing_drops(
    drums: list[tuple[int, int]], organ: list[tuple[int, int]], bass: list[tuple[int, int]], seed: int
) -> None:
    events = encode(song_of(drums, organ, bass))
    grid = BarGrid.of(events.meters, events.end)
    steps = step_features(events)
    part_repetition = np.full((len(grid), len(BAND)), NEW, dtype=np.int64)
    uniform = np.random.default_rng(seed).random(part_repetition.shape)
    pitch_dropout = by_part_class(draw_pitch_dropout(uniform, part_repetition, BAND, TRAINING_PITCH_DROPOUT), BAND)
    next_lookback, note = drop_pitches(pitch_dropout, grid, steps.tick, steps.target, steps.next, steps.note)
    by_bar = [frozenset(np.flatnonzero(row).tolist()) for row in pitch_dropout]
    song_state = SongState(BAND, Meter(0, 4, 4), len(grid), by_bar)
    for index, event in enumerate(steps.target.tolist()):
        song_state.inputs()
        assert [list(each) for each in song_state.next_lookback] == next_lookback[index].tolist()
        song_state.append(event[0])
        if event[0] >= MAX_SHIFT:
            continue
        song_state.append(event[1])
        for place, field in enumerate(("pitch", "duration", "velocity")):
            assert list(song_state.read_lookback(field)) == note[index, :, place].tolist()
            song_state.append(event[2 + place])


def test_only_pitches_of_pitched_parts_are_dropped() -> None:
    riff = [(0, 40), (4, 43), (8, 45), (12, 40)]
    twice = riff + [(at + 16, pitch) for at, pitch in riff]
    events = encode(song_of(twice, twice, twice))
    grid = BarGrid.of(events.meters, events.end)
    steps = step_features(events)
    pitch_dropout = np.zeros((len(grid), NONE["part"] + 1), dtype=np.bool_)
    pitch_dropout[:, ORGAN] = True
    next_lookback, note = drop_pitches(pitch_dropout, grid, steps.tick, steps.target, steps.next, steps.note)
    organs = steps.target[:, 1] == ORGAN
    a_bar_ago = LAGS.index(1)
    assert (steps.note[organs, a_bar_ago, 0] != NONE["pitch"]).any()
    assert (note[organs, : len(LAGS), 0] == NONE["pitch"]).all()
    # Its own last note and its motifs are not of an earlier bar's place.
    assert (note[organs, len(LAGS) :] == steps.note[organs, len(LAGS) :]).all()
    assert (steps.note[organs, len(LAGS) + 1 :, 0] != NONE["pitch"]).any()
    assert (note[:, :, 1:] == steps.note[:, :, 1:]).all()
    assert (note[~organs] == steps.note[~organs]).all()
    announced = next_lookback[:, :, 1] == ORGAN
    assert announced.any()
    assert (next_lookback[announced][:, 2] == NONE["pitch"]).all()
    assert (next_lookback[~announced] == steps.next[~announced]).all()
    assert (next_lookback[:, :, :2] == steps.next[:, :, :2]).all()


def test_parts_are_hidden_by_their_own_form_and_drums_never() -> None:
    bars = 4000
    part_repetition = np.tile(np.array([NEW, NEW, 2 + 2], dtype=np.int64), (bars, 1))  # 2 + 2: the same as a bar ago
    uniform = np.random.default_rng(1).random(part_repetition.shape)
    pitch_dropout = by_part_class(draw_pitch_dropout(uniform, part_repetition, BAND, TRAINING_PITCH_DROPOUT), BAND)
    shares = {part: pitch_dropout[:, part].mean() for part in BAND}
    assert BAND == (DRUMS, ORGAN, BASS)
    assert shares[DRUMS] == 0
    assert 0.65 < shares[ORGAN] < 0.75
    assert shares[BASS] < 0.05
    assert not pitch_dropout[:, NONE["part"]].any()


def test_pitches_are_dropped_where_the_chords_differ_from_those_of_the_source() -> None:
    chords = np.array([[5, 5], [6, 6], [5, 5], [6, 9]])
    repeats_two_bars_back = 2 + 3 * LAGS.index(2)
    repetition = np.array([NEW, NEW, repeats_two_bars_back, repeats_two_bars_back])
    rows = [
        chord_pitch_dropout(np.random.default_rng(seed), chords, repetition, np.full(4, LAGS[-1]), BAND)
        for seed in range(30)
    ]
    shares = np.mean(rows, axis=0)  # (bars, parts)
    pitched = [part != DRUMS for part in BAND]
    assert not shares[:, [not each for each in pitched]].any()
    assert (shares[:, pitched] > 0).all(axis=1).tolist() == [False, True, False, True]
    assert (shares[[1, 3]][:, pitched] < 1).all()
