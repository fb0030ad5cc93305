from itertools import pairwise

import numpy as np
import pytest

from composer.video import still
from composer.video.animation import SIZE, Animation, meter_levels, pages, ticks_at
from composer.video.layout import Area
from composer.video.yuv import YuvFrame, yuv_from_rgb
from midi_data.song import Meter, Note, Song, Tempo, Track

ROLL = Area(200, 100, 1200, 600)


def frames(song: Song, count: int, rate: int = 10) -> list[YuvFrame]:
    return [planes.copy() for planes in Animation(song, "Dancing robots", "heavy metal").frames(count, rate)]


def luma(planes: YuvFrame) -> np.ndarray:
    return planes.planes[0][0].astype(int)


@pytest.mark.parametrize("bars", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("bpm", [40, 160, 300])
def test_pages_cover_the_song_bar_by_bar(bars: int, bpm: float) -> None:
    song = Song((), tempos=(Tempo(0, bpm),), end=96 * bars)
    result = pages(song, ROLL)
    assert result[0].begin == 0
    assert result[-1].end >= song.end
    assert all(left.end == right.begin for left, right in pairwise(result))
    assert all(page.begin % 96 == 0 for page in result)


def test_ticks_are_the_inverse_of_seconds() -> None:
    song = Song((), tempos=(Tempo(0, 120), Tempo(96, 40), Tempo(200, 300)), end=960)
    ticks = np.linspace(0, 960, 97)
    seconds = np.array([song.seconds_at(tick) for tick in ticks])
    assert ticks_at(song, seconds) == pytest.approx(ticks)


def test_the_playhead_moves_to_the_right(render_band: Song) -> None:
    places = [int(luma(planes)[640 - 2].argmax()) for planes in frames(render_band, 30)]
    assert places == sorted(places)
    assert places[-1] > places[0] + 300


def test_a_note_is_dim_then_lit_then_coloured() -> None:
    track = Track(80, is_drum=False, notes=(Note(24, 60, 24, 127), Note(180, 60, 1, 1)))
    song = Song((track,), end=192)
    first, playing, after = (luma(frames(song, 31, 10)[index]) for index in (0, 9, 25))
    column = slice(380, 440)
    assert playing[140:630, column].max() > after[140:630, column].max() > first[140:630, column].max() + 20


def test_meters_follow_the_music(render_band: Song) -> None:
    roll = Animation(render_band, "", "").roll
    levels = meter_levels(roll, 60, 10)
    assert levels[:40].max(axis=0).min() > 0
    assert not levels[45:].any()
    assert (levels <= [lane.area.height for lane in roll.lanes]).all()


def test_a_page_in_each_state_is_what_is_drawn_of_it(render_band: Song) -> None:
    animation = Animation(render_band, "Dancing robots", "heavy metal")
    empty = still.draw_lanes(animation.roll, animation._spans[0], animation._background)
    layer = still.note_layer(animation.roll, animation._spans[0])
    for state, frame in animation._states(empty.copy(), layer).items():
        page = empty.copy()
        page[still.slices(animation.roll.area)] = still.draw_notes(empty, animation.roll, layer, state)
        drawn = yuv_from_rgb(page)
        for (plane, _), (expected, _) in zip(frame.planes, drawn.planes, strict=True):
            # Chroma at the edge of the lanes may be rounded otherwise.
            assert np.abs(plane.astype(int) - expected).max() <= 1


def test_nothing_changes_outside_the_stated_areas(render_band: Song) -> None:
    before = None
    for image in Animation(render_band, "Dancing robots", "heavy metal").frames(60, 10):
        changes = image.take_changes()
        after = image.copy()
        if before is not None:
            for (old, step), (new, _) in zip(before.planes, after.planes, strict=True):
                differs = old != new
                for area in changes:
                    differs[area.top // step : area.bottom // step, area.left // step : area.right // step] = False
                assert not differs.any()
        before = after
    assert changes != [Area(0, 0, *SIZE)]


@pytest.mark.parametrize(
    "song",
    [
        Song(()),
        Song((Track(30, is_drum=False),), end=96),
        Song((Track(0, is_drum=True, notes=(Note(0, 0, 1, 1), Note(3, 127, 1, 127))),)),
        Song((Track(0, is_drum=False, notes=(Note(0, 60, 99, 64),)),), meters=(Meter(0, 1, 32), Meter(50, 17, 16))),
        Song(tuple(Track(p, is_drum=False, notes=(Note(p, p, 24, 64),), name="🤘" * p) for p in range(24))),
    ],
)
def test_odd_songs_have_as_many_frames_as_were_asked_for(song: Song) -> None:
    shown = frames(song, 12)
    assert len(shown) == 12
    assert {planes.planes[0][0].shape for planes in shown} == {(SIZE[1], SIZE[0])}
