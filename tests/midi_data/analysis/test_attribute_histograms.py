"""How often the parts of a piece do what."""

from dataclasses import replace

import numpy as np

from midi_data.analysis.attribute_histograms import (
    ATTRIBUTES,
    COLUMNS,
    FULL,
    HISTOGRAMS_WIDTH,
    REGISTER_SEMITONES,
    TIME_SHIFT_BINS,
    attribute_histograms_of,
    gap_bin,
    place_bin,
    step_bin,
    time_shift_bin,
    time_shift_histogram_of,
    tone_bin,
    transposed_histograms,
)
from midi_data.events.encoding import DURATIONS, EventSequence, encode
from midi_data.song import TICKS_PER_QUARTER, Meter, Note, Song, Tempo, Track

BAR = 4 * TICKS_PER_QUARTER


def events() -> EventSequence:
    """Kick and hi-hat in eighths; a bass that goes up a fourth and down again in quarters, every fourth note loud."""
    drums = tuple(Note(step * 12, 36 + 6 * (step % 2), 3, 100) for step in range(16))
    bass = tuple(Note(step * 24, 40 + step % 2 * 5, 24, 120 if step % 4 == 0 else 60) for step in range(8))
    tracks = (Track(0, is_drum=True, notes=drums), Track(33, is_drum=False, notes=bass))
    return encode(Song(tracks, (Tempo(0, 120.0),), (Meter(0, 4, 4),), "", end=2 * BAR))


def share(row: np.ndarray, attribute: str, index: int) -> float:
    return float(row[COLUMNS[attribute]][index]) / FULL


def test_every_attribute_has_columns_that_sum_to_one() -> None:
    rows = attribute_histograms_of(events())
    assert rows.shape == (2, HISTOGRAMS_WIDTH)
    assert sum(ATTRIBUTES.values()) == HISTOGRAMS_WIDTH
    for attribute in ATTRIBUTES:
        assert abs(int(rows[1][COLUMNS[attribute]].sum()) - FULL) <= 2, attribute


def test_shares_are_of_the_parts_own_notes() -> None:
    drums, bass = attribute_histograms_of(events())
    assert abs(share(bass, "velocity", 120 // 8) - 0.25) < 0.01
    assert share(bass, "duration", DURATIONS.index(24)) == 1
    assert abs(share(bass, "step", int(step_bin(np.array(5)))) - 4 / 7) < 0.01
    assert share(bass, "gap", int(gap_bin(np.array(24)))) == 1
    assert share(drums, "gap", int(gap_bin(np.array(12)))) == 1


def test_drums_have_voices_for_tones_and_no_steps() -> None:
    drums, bass = attribute_histograms_of(events())
    assert not drums[COLUMNS["step"]].any()
    kick, hat = (int(tone_bin(np.array(128 + key))) for key in (36, 42))
    assert kick != hat
    assert abs(share(drums, "tone", kick) - 0.5) < 0.01
    assert abs(share(bass, "tone", 40 % 12) - 0.5) < 0.01


def test_one_note_makes_no_step_and_no_gap() -> None:
    alone = Track(33, is_drum=False, notes=(Note(0, 40, 24, 80),))
    [row] = attribute_histograms_of(encode(Song((alone,), (Tempo(0, 120.0),), (Meter(0, 4, 4),), "", end=BAR)))
    assert not row[COLUMNS["step"]].any()
    assert not row[COLUMNS["gap"]].any()
    assert row[COLUMNS["tone"]].any()


def test_the_time_shift_histogram_counts_all_parts() -> None:
    time_shift_histogram = time_shift_histogram_of(events())
    assert time_shift_histogram.shape == (TIME_SHIFT_BINS,)
    # 16 strokes of drums in eighths, 8 notes of the bass at every second of them.
    at_once, eighth = time_shift_histogram[time_shift_bin(np.array([0, 12]))] / FULL
    assert abs(at_once - 8 / 23) < 0.01
    assert abs(eighth - 15 / 23) < 0.01


def test_places_are_positions_in_the_bar_and_of_drums_by_voice() -> None:
    drums, bass = attribute_histograms_of(events())
    for beat in range(4):
        assert abs(share(bass, "place", 8 * beat) - 0.25) < 0.01
    kick, hat = (int(tone_bin(np.array(128 + key))) for key in (36, 42))
    for sixteenth in (0, 4, 8, 12):
        assert abs(share(drums, "place", 16 * kick + sixteenth) - 1 / 8) < 0.01
        assert abs(share(drums, "place", 16 * hat + sixteenth + 2) - 1 / 8) < 0.01
    # A stroke a little early belongs to the sixteenth after it.
    assert int(place_bin(np.array(22), np.array(128 + 36))) == 16 * kick + 4


def test_transposed_shares_are_those_of_the_transposed_piece_but_for_the_drums() -> None:
    song = events()
    up = replace(song, pitch=np.where(song.pitch < 128, song.pitch + REGISTER_SEMITONES, song.pitch))
    moved = transposed_histograms(attribute_histograms_of(song).astype(np.float64), song.band, REGISTER_SEMITONES)
    assert np.array_equal(moved, attribute_histograms_of(up))
    assert not np.array_equal(attribute_histograms_of(song)[1], attribute_histograms_of(up)[1])
