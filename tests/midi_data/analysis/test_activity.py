"""Who plays in which bar, how much, and what a piece uses at all."""

from dataclasses import replace

import numpy as np

from midi_data.analysis.activity import (
    ACTIVITY_CLASSES,
    BAND_ACTIVITY_CLASSES,
    MASK_VALUES_PER_PART,
    MASKS_WIDTH,
    RESTS,
    UNCONDITIONED,
    activity_of,
    band_activity_bins,
    masks_of,
)
from midi_data.bars import BarGrid
from midi_data.events.encoding import encode, part_code
from midi_data.song import TICKS_PER_QUARTER, Meter, Note, Song, Tempo, Track

BAR = 4 * TICKS_PER_QUARTER


def song() -> Song:
    """Drums in all of four bars, a bass in the last two, an off-grid slip in one note of 260."""
    kick = tuple(Note(step * 6, 36, 3, 100) for step in range(64))
    bass = tuple(Note(2 * BAR + step * 12, 40 + step % 2 * 5, 12, 60 + step) for step in range(16))
    return Song(
        (Track(0, is_drum=True, notes=kick), Track(33, is_drum=False, notes=bass)),
        (Tempo(0, 120.0),),
        (Meter(0, 4, 4),),
        "",
        end=4 * BAR,
    )


def test_activity_bins_are_notes_a_bar() -> None:
    events = encode(song())
    activity = activity_of(events, BarGrid.of(events.meters, events.end))
    assert events.band == (part_code(0, is_drum=True), part_code(33, is_drum=False))
    assert activity[:, 1].tolist() == [RESTS, RESTS, activity[2, 1], activity[2, 1]]
    assert activity[0, 0] > activity[2, 1] > RESTS
    assert activity.max() < ACTIVITY_CLASSES


def test_band_activity_rises_with_notes_and_is_unconditioned_without_any_bin() -> None:
    activity = np.array([[UNCONDITIONED, UNCONDITIONED], [RESTS, RESTS], [RESTS, 2], [4, 2], [7, 7]], dtype=np.uint8)
    band_activity = band_activity_bins(activity)
    assert band_activity[0] == 0
    assert band_activity.tolist() == sorted(set(band_activity.tolist()))
    assert band_activity.max() < BAND_ACTIVITY_CLASSES


def test_masks_are_ranges_scale_and_grid() -> None:
    row = masks_of(encode(song()))
    assert len(row) == MASKS_WIDTH
    assert row[0] == sum(1 << tick for tick in (0, 6, 12, 18))
    assert row[1] == 1 << 40 % 12 | 1 << 45 % 12
    assert row[2:4].tolist() == [128 + 36, 128 + 36]
    assert row[7:12].tolist() == [40, 45, 60 // 8, 75 // 8, 1]
    assert (row[12:] == -1).all()


def test_rare_values_are_not_in_the_masks() -> None:
    plain = song()
    [kick, _] = plain.tracks
    long = [replace(note, onset=bar * 4 * BAR + note.onset) for bar in range(5) for note in kick.notes]
    slipped = tuple(sorted([*long, Note(3 * BAR + 7, 38, 3, 90)]))
    whole = Song((replace(kick, notes=slipped),), plain.tempos, plain.meters, "", end=20 * BAR)
    assert masks_of(encode(whole))[0] == masks_of(encode(plain))[0]


def voices_of(*notes: Note) -> int:
    events = encode(Song((Track(16, is_drum=False, notes=tuple(sorted(notes))),), end=8 * BAR))
    return int(masks_of(events)[2 + MASK_VALUES_PER_PART - 1])


def test_voices_are_notes_at_once_except_for_late_releases() -> None:
    assert voices_of(Note(0, 60, 24, 80), Note(24, 62, 24, 80)) == 1
    assert voices_of(Note(0, 60, 24, 80), Note(22, 62, 24, 80)) == 1
    assert voices_of(Note(0, 60, 24, 80), Note(20, 62, 24, 80)) == 2
    assert voices_of(*(Note(0, pitch, 1, 80) for pitch in (60, 64, 67))) == 3
    assert voices_of(Note(0, 48, 96, 80), *(Note(12 * n, 60 + n, 12, 80) for n in range(8))) == 2


def test_one_rare_cluster_does_not_raise_the_voices() -> None:
    tune = [Note(6 * n, 60 + n % 5, 6, 80) for n in range(120)]
    assert voices_of(*tune) == 1
    assert voices_of(*tune, Note(0, 80, 6, 80)) == 1
    assert voices_of(*tune, *(Note(24 * n, 80, 6, 80) for n in range(8))) == 2
