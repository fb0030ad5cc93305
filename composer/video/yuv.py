"""Video frames as encoders take them: YUV 4:2:0 planes that are copied and painted in parts.

BT.709, limited range. Areas have even edges, because one chroma sample covers two by two pixels.
Knows pixels only; deliberately does not know what they show.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from composer.video.layout import Area
from composer.video.theme import Colour

Plane = NDArray[np.uint8]
_WHITE_LUMA, _GREY_CHROMA = 235, 128
_GLOW, _GLOW_RADIUS = 0.6, 6.0
_BELL = np.exp(-np.square(np.arange(64) / _GLOW_RADIUS)).astype(np.float32)
"""Light at so many pixels' distance from what sheds it."""


class Planes:
    """One frame, as encoders take it: writing to the planes writes to ``frame``, nothing is copied in between.

    ``parts`` are (plane, pixels a sample covers in each direction) of Y, U and V.
    """

    __slots__ = ("frame", "parts")

    def __init__(self, frame: av.VideoFrame) -> None:
        self.frame = frame
        self.parts = tuple((_samples(plane), 1 + (index > 0)) for index, plane in enumerate(frame.planes))

    def copy(self) -> Planes:
        """A frame of its own with the same content."""
        other = Planes(av.VideoFrame(self.frame.width, self.frame.height, "yuv420p"))
        for (mine, _), (theirs, _) in zip(self.parts, other.parts, strict=True):
            theirs[:] = mine
        return other

    def lifted(self, area: Area) -> list[Plane]:
        """A copy of what is at ``area``, for `put_back`."""
        return [plane[_slices(area, step)].copy() for plane, step in self.parts]

    def put_back(self, area: Area, lifted: list[Plane]) -> None:
        """Let ``area`` look as it did when it was ``lifted``."""
        for (plane, step), before in zip(self.parts, lifted, strict=True):
            plane[_slices(area, step)] = before

    def paste(self, source: Planes, area: Area) -> None:
        """Copy ``area`` of a ``source`` of the same size."""
        for (mine, step), (theirs, _) in zip(self.parts, source.parts, strict=True):
            where = _slices(area, step)
            mine[where] = theirs[where]

    def paste_where(self, source: Planes, area: Area, mask: NDArray[np.bool_]) -> None:
        """Copy the pixels of ``area`` that ``mask`` (of the area's shape) allows."""
        for (mine, step), (theirs, _) in zip(self.parts, source.parts, strict=True):
            where = _slices(area, step)
            np.copyto(mine[where], theirs[where], where=mask[::step, ::step])

    def place(self, stamp: Planes, left: int, top: int) -> None:
        """Copy the whole of a smaller frame to ``left``, ``top``."""
        for (mine, step), (small, _) in zip(self.parts, stamp.parts, strict=True):
            height, width = small.shape
            mine[top // step : top // step + height, left // step : left // step + width] = small

    def paint(self, area: Area, colour: Colour) -> None:
        """Fill ``area`` with one colour."""
        for (plane, step), value in zip(self.parts, luma_and_chroma(colour), strict=True):
            plane[_slices(area, step)] = value

    def glow(self, area: Area, around: Area, colour: Colour, mask: NDArray[np.bool_]) -> None:
        """Let ``around`` shine in ``colour`` onto those pixels of ``area`` that ``mask`` (of its shape) allows."""
        weight = _falloff(area, around) * mask
        for (plane, step), value in zip(self.parts, luma_and_chroma(colour), strict=True):
            ground = plane[_slices(area, step)]
            ground[:] = ground + (value - ground.astype(np.float32)) * weight[::step, ::step]

    def light(self, area: Area, shine: NDArray[np.int16]) -> None:
        """Add ``shine`` (luma, one value a column) to ``area``."""
        luma = self.parts[0][0][_slices(area, 1)]
        luma[:] = np.minimum(luma + shine[len(shine) - area.width :], _WHITE_LUMA)


def from_pixels(pixels: NDArray[np.uint8]) -> Planes:
    """Planes of red-green-blue ``pixels`` of shape (height, width, 3); height and width are even."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    turned = _turner().reformat(
        frame, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    return Planes(turned)


@cache
def _turner() -> VideoReformatter:
    """Turns colours; kept, because making one takes longer than turning a small picture."""
    return VideoReformatter()


def _samples(plane: Any) -> Plane:
    """A plane's samples, shape (height, width), without the padding of its rows."""
    rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size]
    samples: Plane = rows.reshape(plane.height, plane.line_size)[:, : plane.width]
    return samples


@cache
def luma_and_chroma(colour: Colour) -> tuple[int, int, int]:
    """Y, U, V of a colour after ITU-R BT.709, limited range."""
    red, green, blue = (value / 255 for value in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = (_GREY_CHROMA + 224 * (blue - luma) / 1.8556, _GREY_CHROMA + 224 * (red - luma) / 1.5748)
    return round(16 + 219 * luma), round(chroma[0]), round(chroma[1])


def _falloff(area: Area, around: Area) -> NDArray[np.float32]:
    """How much of its light ``around`` sheds on each pixel of ``area``, 0–1: a bell over the distance."""
    x, y = np.arange(area.left, area.right), np.arange(area.top, area.bottom)
    across = np.maximum(around.left - x, x - around.right + 1)
    down = np.maximum(around.top - y, y - around.bottom + 1)
    # Clipping: no distance is below none, nor beyond the table's end.
    across_light, down_light = (_BELL.take(distance, mode="clip") for distance in (across, down))
    return np.outer(down_light, across_light * np.float32(_GLOW))


def even(area: Area, margin: int, bounds: Area) -> Area:
    """``area`` widened by ``margin`` and to even edges, inside ``bounds`` (which has even edges)."""
    return Area(
        max((area.left - margin) // 2 * 2, bounds.left),
        max((area.top - margin) // 2 * 2, bounds.top),
        min(-(-(area.right + margin) // 2) * 2, bounds.right),
        min(-(-(area.bottom + margin) // 2) * 2, bounds.bottom),
    )


def _slices(area: Area, step: int) -> tuple[slice, slice]:
    return slice(area.top // step, area.bottom // step), slice(area.left // step, area.right // step)
