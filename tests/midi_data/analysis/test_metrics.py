"""Each statistic on songs small enough to work out by hand."""

import math

import numpy as np
import pytest

from midi_data.analysis.excerpts import excerpt, parts_of, sounding_bars, spread_excerpts
from midi_data.analysis.histograms import GAP_EDGES, HISTOGRAMS, histograms
from midi_data.analysis.metrics import SCALARS, scalars, top_lines
from midi_data.analysis.novelty import copy_rate, gram_set, grams
from midi_data.events.encoding import EventSequence, encode, part_code
from midi_data.song import Meter, Note, Song, Tempo, Track
from tests.songs import riff

BAR = 96


def events(*tracks: Track, bars: int = 1) -> EventSequence:
    return encode(Song(tracks, end=bars * BAR))


def melody(*pitches: int, step: int = 24, program: int = 0, length: int | None = None) -> Track:
    return Track(program, False, tuple(Note(i * step, p, length or step, 100) for i, p in enumerate(pitches)))


def drums(*onsets: int, key: int = 36) -> Track:
    return Track(0, True, tuple(Note(onset, key, 6, 100) for onset in onsets))


FOUR = events(melody(60, 62, 64, 72))
"""Four quarters C D E C in one bar."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pitch_class_entropy", 1.5),  # shares 1/2, 1/4, 1/4
        ("scale_consistency", 1.0),
        ("note_density", 1.0),
        ("polyphony", 1.0),
        ("empty_bar_rate", 0.0),
        ("pitch_range", 12.0),
        ("leap_share", 0.0),  # an octave at most
        ("off_grid_share", 0.0),
        ("part_count", 1.0),
        ("drum_share", 0.0),
        ("mean_pitch", 64.5),
        ("mean_duration", 1.0),
        ("mean_velocity", 100.0),
        ("velocity_spread", 0.0),
    ],
)
def test_four_quarters(name: str, value: float) -> None:
    assert scalars(FOUR)[name] == pytest.approx(value)


def test_one_bar_has_no_groove_consistency() -> None:
    assert math.isnan(scalars(FOUR)["groove_consistency"])


def test_groove_consistency_counts_the_sixteenths_that_differ_between_neighbours() -> None:
    # Bar 2 as bar 1; bar 3 lacks one of two onsets: one slot of 16 differs, in one pair of two.
    played = events(drums(0, 48, BAR, BAR + 48, 2 * BAR), bars=3)
    assert scalars(played)["groove_consistency"] == pytest.approx(1 - (0 + 1 / 16) / 2)


def test_scale_consistency_is_the_share_within_the_best_scale() -> None:
    chromatic = events(melody(*range(60, 72), step=8))
    assert scalars(chromatic)["scale_consistency"] == pytest.approx(7 / 12)


def test_polyphony_leaves_silence_and_drums_out() -> None:
    chord = Track(0, False, (Note(0, 60, 24, 90), Note(0, 64, 24, 90), Note(24, 60, 24, 90)))
    assert scalars(events(chord, drums(0, 72)))["polyphony"] == pytest.approx(1.5)


def test_a_bar_in_which_a_note_rings_on_is_not_empty() -> None:
    long = Track(0, False, (Note(0, 60, 2 * BAR, 90),))
    assert scalars(events(long, bars=4))["empty_bar_rate"] == pytest.approx(0.5)


def test_a_leap_is_more_than_an_octave_in_the_top_line() -> None:
    assert scalars(events(melody(60, 73, 72, 71)))["leap_share"] == pytest.approx(1 / 3)


def test_the_top_line_is_the_highest_note_at_each_onset() -> None:
    [(onset, pitch)] = top_lines(
        events(Track(0, False, (Note(0, 60, 24, 90), Note(0, 67, 24, 90), Note(24, 59, 24, 90))))
    )
    assert onset.tolist() == [0, 24]
    assert pitch.tolist() == [67, 59]


def test_sixteenths_and_eighth_triplets_are_on_the_grid() -> None:
    assert scalars(events(drums(0, 6, 8, 12, 16, 18, 5, 25)))["off_grid_share"] == pytest.approx(2 / 8)


def test_drums_alone_have_no_pitch() -> None:
    found = scalars(events(drums(0, 24)))
    assert found["drum_share"] == 1
    for name in ("pitch_class_entropy", "scale_consistency", "polyphony", "pitch_range", "leap_share", "mean_pitch"):
        assert math.isnan(found[name]), name


def test_every_statistic_accepts_a_song_without_notes() -> None:
    nothing = events(bars=2)
    assert set(scalars(nothing)) == set(SCALARS)
    assert all(counts.sum() == 0 for counts in histograms(nothing).values())


def test_inter_onset_counts_each_parts_gaps() -> None:
    counts = HISTOGRAMS["inter_onset"](events(melody(60, 62, 64), drums(0, 12)))
    quarter, eighth = (int(np.searchsorted(GAP_EDGES, gap, side="right")) for gap in (24, 12))
    assert counts[quarter] == 2
    assert counts[eighth] == 1
    assert counts.sum() == 3


def test_the_drum_pattern_says_which_voice_falls_where() -> None:
    counts = HISTOGRAMS["drum_pattern"](events(drums(0, BAR), drums(24, key=38), bars=2)).reshape(8, 16)
    assert counts[0, 0] == 2
    assert counts[1, 4] == 1
    assert counts.sum() == 3


def test_scale_degrees_are_the_same_in_every_key() -> None:
    low = melody(60, 62, 64, 65, 67, 69, 71, 72, step=12)
    high = melody(*(pitch + 5 for pitch in (60, 62, 64, 65, 67, 69, 71, 72)), step=12)
    degrees = HISTOGRAMS["scale_degrees"]
    assert degrees(events(low)).tolist() == degrees(events(high)).tolist()


def test_melodic_steps_above_an_octave_share_a_bin() -> None:
    counts = HISTOGRAMS["melodic_steps"](events(melody(60, 80, 79)))
    assert counts[26] == 1
    assert counts[12] == 1


def test_part_presence_counts_bars_by_family() -> None:
    played = events(drums(0, BAR), melody(60, program=33), bars=2)
    counts = HISTOGRAMS["part_presence"](played)
    assert counts[0] == 2
    assert counts[1 + 33 // 8] == 1
    assert counts.sum() == 3


def test_durations_and_velocities_are_counted_by_class() -> None:
    found = histograms(FOUR)
    assert found["durations"].max() == 4
    assert found["velocities"][100 // 8] == 4


LINE = (60, 62, 64, 65, 67, 65, 64, 62, 60, 64, 67, 72, 71)


def test_an_n_gram_is_the_same_transposed_and_at_half_speed() -> None:
    own = grams(events(melody(*LINE, step=12), bars=4))
    other = grams(events(melody(*(pitch + 3 for pitch in LINE), step=24), bars=4))
    assert len(own) == 2
    assert own.tolist() == other.tolist()


def test_another_rhythm_or_another_note_is_another_n_gram() -> None:
    own = gram_set([events(melody(*LINE), bars=4)])
    swung = Track(0, False, tuple(Note(i * 24 + 6 * (i % 2), p, 12, 90) for i, p in enumerate(LINE)))
    changed = melody(*LINE[:6], 66, *LINE[7:])
    assert copy_rate(grams(events(swung, bars=4)), own) == 0
    assert copy_rate(grams(events(changed, bars=4)), own) == 0


def test_the_rhythm_before_a_window_is_not_part_of_it() -> None:
    late = Track(0, False, (Note(0, 50, 6, 90), *(Note(48 + i * 24, p, 24, 90) for i, p in enumerate(LINE[:12]))))
    own = gram_set([events(melody(*LINE[:12]), bars=4)])
    assert copy_rate(grams(events(late, bars=4)), own) == pytest.approx(1 / 2)


def test_pedal_points_are_no_n_grams() -> None:
    assert len(grams(events(melody(*[40, 41] * 10, step=12), bars=4))) == 0


def test_copies_are_counted_and_nothing_has_no_rate() -> None:
    own = grams(events(melody(*LINE), bars=4))
    assert copy_rate(own, gram_set([events(melody(*LINE), bars=4)])) == 1
    assert copy_rate(own, gram_set([])) == 0
    assert math.isnan(copy_rate(gram_set([]), own))


def test_an_excerpt_is_whole_bars_moved_to_the_beginning() -> None:
    song = riff(1, bars=8)
    cut = excerpt(encode(song), 2, 4)
    assert cut.end == 4 * BAR
    assert cut.onset.min() == 0
    assert cut.onset.max() < cut.end
    assert cut.tempos == (Tempo(0, 140.0),)
    assert cut.band == (part_code(0, is_drum=True), part_code(30, is_drum=False), part_code(33, is_drum=False))


def test_an_excerpt_shortens_what_rings_over_its_end_and_keeps_the_meter_in_force() -> None:
    song = Song(
        (Track(0, False, (Note(0, 60, 384, 90),)),),
        (Tempo(0, 100.0), Tempo(BAR, 120.0)),
        (Meter(0, 4, 4), Meter(2 * BAR, 3, 4)),
        end=2 * BAR + 2 * 72,
    )
    first = excerpt(encode(song), 0, 2)
    assert scalars(first)["mean_duration"] == pytest.approx(8)
    later = excerpt(encode(song), 2, 2)
    assert later.meters == (Meter(0, 3, 4),)
    assert later.tempos == (Tempo(0, 120.0),)
    assert later.end == 144


def test_excerpts_are_spread_over_the_bars_that_sound() -> None:
    silent = events(Track(0, False, tuple(Note(BAR * bar, 60, 24, 90) for bar in range(2, 12))), bars=20)
    assert sounding_bars(silent) == (2, 12)
    assert [len(each) for each in spread_excerpts(silent, 4, 3)] == [4, 4]
    assert spread_excerpts(silent, 11, 3) == []
    assert len(parts_of(silent, 8)) == 2


def test_an_excerpt_outside_the_piece_is_refused() -> None:
    with pytest.raises(ValueError, match="within the piece's 8 bars, not 6–10"):
        excerpt(encode(riff(1, bars=8)), 6, 4)
