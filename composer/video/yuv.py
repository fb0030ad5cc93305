"""YUV 4:2:0 video frames whose areas are copied and painted in place.

BT.709, limited range. Areas have even edges, because one chroma sample covers two by two pixels.
"""

from __future__ import annotations

from functools import cache, lru_cache
from threading import get_ident
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from composer.video.layout import Area
from composer.video.theme import Colour

Plane = NDArray[np.uint8]
_WHITE_LUMA, _GREY_CHROMA = np.uint8(235), 128
_GLOW, _GLOW_RADIUS = 0.6, 6.0
_BELL = np.exp(-np.square(np.arange(64) / _GLOW_RADIUS)).astype(np.float32)
"""Intensity of a glow by distance in pixels: (64,)."""


class YuvFrame:
    """One frame. Writing to its planes writes to the encoder's ``frame`` without a copy.

    ``planes``: (samples (H / step, W / step), step) of Y, U and V; step: pixels that a sample covers each way.
    """

    __slots__ = ("_changes", "frame", "planes")

    def __init__(self, frame: av.VideoFrame) -> None:
        self.frame = frame
        self._changes = [Area(0, 0, frame.width, frame.height)]
        self.planes = tuple((_samples(plane), 1 + (index > 0)) for index, plane in enumerate(frame.planes))

    def copy(self) -> YuvFrame:
        """Return an independent frame with the same content."""
        other = YuvFrame(av.VideoFrame(self.frame.width, self.frame.height, "yuv420p"))
        for (mine, _), (theirs, _) in zip(self.planes, other.planes, strict=True):
            theirs[:] = mine
        return other

    def take_changes(self) -> list[Area]:
        """Return the areas written to since the last call; at first the whole frame."""
        changes, self._changes = self._changes, []
        return changes

    def save(self, area: Area) -> list[Plane]:
        """Return a copy of ``area``, for `restore`."""
        return [plane[_slices(area, step)].copy() for plane, step in self.planes]

    def restore(self, area: Area, saved: list[Plane]) -> None:
        """Write back ``area`` as it was when it was ``saved``."""
        self._changes.append(area)
        for (plane, step), before in zip(self.planes, saved, strict=True):
            plane[_slices(area, step)] = before

    def paste(self, source: YuvFrame, area: Area) -> None:
        """Copy ``area`` from a ``source`` of the same size."""
        self._changes.append(area)
        for (mine, step), (theirs, _) in zip(self.planes, source.planes, strict=True):
            where = _slices(area, step)
            mine[where] = theirs[where]

    def paste_where(self, source: YuvFrame, area: Area, mask: NDArray[np.bool_]) -> None:
        """Copy the pixels of ``area`` where ``mask`` (H, W of the area) is true."""
        self._changes.append(area)
        for (mine, step), (theirs, _) in zip(self.planes, source.planes, strict=True):
            where = _slices(area, step)
            np.copyto(mine[where], theirs[where], where=mask[::step, ::step])

    def stamp(self, stamp: YuvFrame, left: int, top: int) -> None:
        """Copy the whole of a smaller frame to ``left``, ``top``."""
        self._changes.append(Area(left, top, left + stamp.frame.width, top + stamp.frame.height))
        for (mine, step), (small, _) in zip(self.planes, stamp.planes, strict=True):
            height, width = small.shape
            mine[top // step : top // step + height, left // step : left // step + width] = small

    def fill(self, area: Area, colour: Colour) -> None:
        """Fill ``area`` with one colour."""
        self._changes.append(area)
        for (plane, step), value in zip(self.planes, yuv_from_colour(colour), strict=True):
            plane[_slices(area, step)] = value

    def glow(self, area: Area, around: Area, colour: Colour, mask: NDArray[np.bool_]) -> None:
        """Add a glow of ``around`` in ``colour`` to ``area`` where ``mask`` (H, W of the area) is true."""
        self._changes.append(area)
        weight = _glow_weights(area, around) * mask
        for (plane, step), value in zip(self.planes, yuv_from_colour(colour), strict=True):
            ground = plane[_slices(area, step)]
            ground[:] = ground + (value - ground.astype(np.float32)) * weight[::step, ::step]

    def brighten(self, area: Area, luma: NDArray[np.uint8]) -> None:
        """Add the last columns of ``luma`` (W,) to ``area``, at most to white."""
        self._changes.append(area)
        plane, added = self.planes[0][0][_slices(area, 1)], luma[len(luma) - area.width :]
        plane[:] = np.minimum(plane, _WHITE_LUMA - added) + added


def yuv_from_rgb(pixels: NDArray[np.uint8]) -> YuvFrame:
    """X of shape (height, width, 3); height and width are even."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    converted = _reformatter(frame.width, frame.height, get_ident()).reformat(
        frame, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    return YuvFrame(converted)


@lru_cache(maxsize=8)
def _reformatter(_width: int, _height: int, _thread: int) -> VideoReformatter:
    """Return the cached colour converter of one size: setting it up takes longer than converting a small picture.

    One a thread, since a converter is used by one at a time.
    """
    return VideoReformatter()


def _samples(plane: Any) -> Plane:
    """Return a plane's samples without the padding of its rows: (height, width)."""
    rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size]
    samples: Plane = rows.reshape(plane.height, plane.line_size)[:, : plane.width]
    return samples


@cache
def yuv_from_colour(colour: Colour) -> tuple[int, int, int]:
    """Return Y, U, V of a colour after ITU-R BT.709, limited range."""
    red, green, blue = (value / 255 for value in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = (_GREY_CHROMA + 224 * (blue - luma) / 1.8556, _GREY_CHROMA + 224 * (red - luma) / 1.5748)
    return round(16 + 219 * luma), round(chroma[0]), round(chroma[1])


def _glow_weights(area: Area, around: Area) -> NDArray[np.float32]:
    """Return the weight, 0–1, of the glow of ``around`` at each pixel of ``area``, Gaussian in the distance: (H, W)."""
    x, y = np.arange(area.left, area.right), np.arange(area.top, area.bottom)
    across = np.maximum(around.left - x, x - around.right + 1)
    down = np.maximum(around.top - y, y - around.bottom + 1)
    # mode="clip" maps negative distances (inside) to 0 and those beyond the table to its last value.
    across_weight, down_weight = (_BELL.take(distance, mode="clip") for distance in (across, down))
    return np.outer(down_weight, across_weight * np.float32(_GLOW))


def even_area(area: Area, margin: int, bounds: Area) -> Area:
    """Return ``area`` widened by ``margin`` and to even edges, inside ``bounds`` (which has even edges)."""
    return Area(
        max((area.left - margin) // 2 * 2, bounds.left),
        max((area.top - margin) // 2 * 2, bounds.top),
        min(-(-(area.right + margin) // 2) * 2, bounds.right),
        min(-(-(area.bottom + margin) // 2) * 2, bounds.bottom),
    )


def _slices(area: Area, step: int) -> tuple[slice, slice]:
    return slice(area.top // step, area.bottom // step), slice(area.left // step, area.right // step)
