import numpy as np
import pytest

from composer.video.layout import Area
from composer.video.yuv import YuvFrame, even_area, yuv_from_colour, yuv_from_rgb

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (255, 203, 92), (17, 20, 30)]


def blank(width: int = 64, height: int = 32) -> YuvFrame:
    return yuv_from_rgb(np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize("colour", COLOURS)
def test_painting_gives_the_same_planes_as_converting(colour: tuple[int, int, int]) -> None:
    converted = yuv_from_rgb(np.full((32, 64, 3), colour, np.uint8))
    for (plane, _), value in zip(converted.planes, yuv_from_colour(colour), strict=True):
        assert np.abs(plane.astype(int) - value).max() <= 2


@pytest.mark.parametrize("colour", COLOURS)
def test_painted_colours_are_seen_by_a_decoder(colour: tuple[int, int, int]) -> None:
    planes = blank()
    planes.fill(Area(0, 0, 64, 32), colour)
    seen = planes.frame.reformat(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG").to_ndarray()
    assert np.abs(seen[16, 32].astype(int) - colour).max() <= 4


def test_pasting_changes_only_the_area() -> None:
    canvas, white = blank(), yuv_from_rgb(np.full((32, 64, 3), 255, np.uint8))
    canvas.paste(white, Area(8, 4, 16, 12))
    luma = canvas.planes[0][0]
    assert (luma == luma.max()).sum() == 64
    assert luma[4:12, 8:16].min() == luma.max()


def test_a_mask_protects_what_belongs_to_others() -> None:
    canvas, white = blank(), yuv_from_rgb(np.full((32, 64, 3), 255, np.uint8))
    mask = np.zeros((8, 8), bool)
    mask[:, :4] = True
    canvas.paste_where(white, Area(8, 4, 16, 12), mask)
    luma = canvas.planes[0][0]
    assert luma[5, 9] == luma.max()
    assert luma[5, 14] == luma.min()


def test_a_stamp_is_placed_and_a_copy_is_independent() -> None:
    canvas = blank()
    copy = canvas.copy()
    copy.stamp(yuv_from_rgb(np.full((8, 8, 3), 255, np.uint8)), 16, 8)
    assert copy.planes[0][0][8:16, 16:24].min() > 200
    assert canvas.planes[0][0].max() < 20


def test_glow_is_brightest_beside_its_note_and_never_overflows() -> None:
    canvas = blank()
    area = Area(0, 0, 64, 32)
    canvas.glow(area, Area(28, 12, 36, 20), (255, 203, 92), np.ones((32, 64), bool))
    luma = canvas.planes[0][0]
    assert luma[16, 38] > luma[16, 44] > luma[16, 60]


def test_light_stays_within_the_video_range() -> None:
    canvas = yuv_from_rgb(np.full((32, 64, 3), 250, np.uint8))
    canvas.brighten(Area(0, 0, 64, 32), np.full(64, 200, np.uint8))
    assert canvas.planes[0][0].max() == 235


def test_areas_become_even_inside_their_bounds() -> None:
    assert even_area(Area(3, 3, 5, 5), 2, Area(0, 0, 6, 8)) == Area(0, 0, 6, 8)
