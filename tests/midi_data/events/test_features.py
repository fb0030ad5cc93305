"""The lookback of arrays equals the incremental lookback, and never reads ahead."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midi_data.bars import BarGrid
from midi_data.events.encoding import EOS, MAX_SHIFT, encode
from midi_data.events.features import LAGS, NONE, PART_SHIFT, step_features
from midi_data.events.incremental_features import NO_NEXT, IncrementalLookback
from midi_data.song import Meter, Note, Song, Track

notes = st.lists(
    st.builds(Note, st.integers(0, 3000), st.integers(36, 60), st.integers(1, 40), st.integers(1, 127)), max_size=60
)


@st.composite
def songs(draw: st.DrawFn) -> Song:
    tracks = tuple(
        Track(program, is_drum, tuple(sorted(draw(notes))))
        for program, is_drum in draw(st.lists(st.sampled_from([(0, True), (30, False), (33, False)]), max_size=4))
    )
    meters = draw(st.sampled_from([(Meter(0, 4, 4),), (Meter(0, 3, 4), Meter(288, 6, 8)), (Meter(0, 7, 8),)]))
    return Song(tracks, meters=meters)


@settings(max_examples=60, deadline=None)
@given(songs(), st.integers(0, 2**32))
def test_the_incremental_lookback_equals_the_arrays(song: Song, seed: int) -> None:
    events = encode(song)
    grid = BarGrid.of(events.meters, events.end)
    source_lag = np.random.default_rng(seed).integers(1, 30, len(grid))
    steps = step_features(events, source_lag)
    lookback = IncrementalLookback(grid.first_tick.tolist(), source_lag.tolist())
    last = 0
    for index, (time_shift, part, pitch, duration, velocity) in enumerate(steps.target.tolist()):
        before, after = int(steps.tick[index]), int(steps.tick[index + 1])
        expected = lookback.next_events(before, last) if index else [NO_NEXT] * len(LAGS)
        assert steps.next[index].tolist() == [list(each) for each in expected]
        if time_shift < MAX_SHIFT:
            floor = last if time_shift == 0 else -1
            assert steps.part[index].tolist() == lookback.parts_at(after, floor)
            assert steps.note[index].tolist() == [list(x) for x in lookback.notes_at(after, part, floor)]
            lookback.add_note(after, part, pitch, duration, velocity)
        last = (part << PART_SHIFT) + pitch if time_shift < MAX_SHIFT else 0


def test_a_repeated_bar_is_in_the_lookback_note_by_note() -> None:
    riff = [Note(tick, pitch, 6, 100) for tick, pitch in ((0, 40), (12, 43), (24, 45), (72, 40))]
    again = [replace(note, onset=note.onset + 96) for note in riff]
    steps = step_features(encode(Song((Track(30, False, tuple(riff + again)),))))
    lag_of_one_bar = LAGS.index(1)
    for index in range(5, 8):
        assert steps.next[index, lag_of_one_bar].tolist() == steps.target[index, :3].tolist()
        assert steps.note[index, lag_of_one_bar].tolist() == steps.target[index, 2:].tolist()


def test_the_last_lag_is_the_bars_source_lag() -> None:
    tune = [Note(96 * bar, 40 + bar, 6, 100) for bar in range(12)]
    again = [replace(note, onset=note.onset + 12 * 96) for note in tune]
    events = encode(Song((Track(30, False, tuple(tune + again)),)))
    usual, source_lag = step_features(events), step_features(events, np.full(24, 12))
    assert source_lag.note[12:24, len(LAGS) - 1, 0].tolist() == [40 + bar for bar in range(12)]
    assert usual.note[12:16, len(LAGS) - 1, 0].tolist() == [NONE["pitch"]] * 4


def test_long_gaps_begin_with_waits_and_the_last_step_is_the_end() -> None:
    song = Song((Track(0, False, (Note(500, 60, 6, 100),)),))
    steps = step_features(encode(song))
    assert steps.target[:, 0].tolist() == [MAX_SHIFT, MAX_SHIFT, 500 - 2 * MAX_SHIFT, EOS]
    assert steps.target[0, 1] == NONE["part"]


@pytest.mark.parametrize("lag", range(len(LAGS)))
def test_the_lookback_never_contains_the_present_step(lag: int) -> None:
    rising = tuple(Note(tick * 6, 40 + tick, 6, 100) for tick in range(64))
    steps = step_features(encode(Song((Track(0, False, rising),))))
    seen = steps.next[:-1, lag, 2]
    assert np.all((seen < steps.target[:-1, 2]) | (seen == NONE["pitch"]))
