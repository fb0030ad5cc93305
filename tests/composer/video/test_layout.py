from itertools import pairwise

import pytest

from composer.video.layout import Area, Lane, Span, boxes, grid, lanes, notes_within
from midi_data.song import Meter, Note, Song, Track

AREA = Area(100, 50, 1100, 550)


def test_lanes_fill_their_area_without_overlapping(render_band: Song) -> None:
    result = lanes(render_band.tracks, AREA)
    assert len(result) == len(render_band.tracks)
    assert result[0].area.top == AREA.top
    assert result[-1].area.bottom == AREA.bottom
    for upper, lower in pairwise(result):
        assert upper.area.bottom < lower.area.top


@pytest.mark.parametrize("count", [1, 16, 40])
def test_every_lane_of_a_large_band_has_a_height(count: int) -> None:
    tracks = [Track(30, is_drum=False, notes=(Note(0, 40, 24, 100), Note(0, 90, 24, 100)))] * count
    assert all(lane.area.height > 5 for lane in lanes(tracks, AREA))


def test_higher_notes_are_drawn_higher_and_inside_their_lane(render_band: Song) -> None:
    track = render_band.tracks[2]
    lane = lanes([track], AREA)[0]
    span = Span(0, render_band.end, AREA.left, AREA.right)
    found = dict(zip((note.pitch for note in track.notes), boxes(track.notes, lane, span).tolist(), strict=True))
    tops = [found[pitch][1] for pitch in sorted(found)]
    assert tops == sorted(tops, reverse=True)
    for left, top, right, bottom in found.values():
        assert AREA.left <= left < right <= AREA.right
        assert AREA.top <= top < bottom <= AREA.bottom


def test_notes_are_clipped_to_their_page_and_stay_visible() -> None:
    lane = Lane(AREA, tuple(range(36, 49)), is_drum=False)
    notes = (Note(0, 40, 300, 100), Note(191, 40, 1, 100), Note(96, 41, 1, 100))
    for left, _, right, _ in boxes(notes, lane, Span(96, 192, 100, 500)).tolist():
        assert 100 <= left < right <= 500


def test_a_page_shows_what_sounds_in_it() -> None:
    track = Track(0, is_drum=False, notes=(Note(0, 60, 96, 100), Note(0, 60, 97, 100), Note(192, 60, 24, 100)))
    assert [note.duration for note in notes_within(track, Span(96, 192, 0, 100))] == [97]


def test_the_grid_has_bars_and_beats_of_every_meter() -> None:
    song = Song((), meters=(Meter(0, 3, 4), Meter(72, 6, 8)), end=144)
    found = list(grid(song, 0, 144))
    assert [tick for tick, bar in found if bar] == [0, 72]
    assert [tick for tick, bar in found if not bar] == [24, 48, 84, 96, 108, 120, 132]


def test_an_area_is_cut_at_its_bounds_and_counted_from_their_corner() -> None:
    bounds = Area(10, 20, 110, 220)
    assert Area(30, 40, 50, 60).within(bounds) == Area(20, 20, 40, 40)
    assert Area(0, 19, 200, 21).within(bounds) == Area(0, 0, 100, 1)
