"""Tells libx264 which areas of a frame differ from the frame before, so that it skips the rest.

A video of notes changes in a twentieth of its blocks. libx264 takes half the time where it need not search the others.
FFmpeg reads the areas from a frame's side data (``AVVideoHint``, libavutil/video_hint.h), which PyAV cannot attach, so
they are attached through ctypes. Where PyAV's objects are not laid out as known, no hints are given.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import av

from composer.video.layout import Area

_MAX_AREAS = 256
"""More changes than these in one frame count as a change of everything."""
_KNOWN_PYAV = "18"
"""The major version of PyAV whose objects begin with head, method table, ``AVFrame *``."""
_CHANGED = 1


class _Rectangle(ctypes.Structure):
    _fields_ = (("x", ctypes.c_uint32), ("y", ctypes.c_uint32), ("width", ctypes.c_uint32), ("height", ctypes.c_uint32))


class _Hint(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_size_t),
        ("offset", ctypes.c_size_t),
        ("size", ctypes.c_size_t),
        ("type", ctypes.c_int),
    )


class ChangeHint:
    """The changed areas of one reused ``frame``."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._frame, self._hint, self._areas = frame, _attached_hint(frame), None
        if self._hint is not None:
            at = ctypes.addressof(self._hint) + self._hint.offset
            self._areas = (_Rectangle * _MAX_AREAS).from_address(at)

    @property
    def is_attached(self) -> bool:
        """Whether the frame can carry hints here; without them the encoder compares every block."""
        return self._hint is not None

    def set(self, changed: Sequence[Area]) -> None:
        """State that only ``changed`` differs from the frame that was encoded before."""
        if self._hint is None or self._areas is None:
            return
        if len(changed) > _MAX_AREAS:
            changed = (Area(0, 0, self._frame.width, self._frame.height),)
        for rectangle, area in zip(self._areas, changed, strict=False):
            rectangle.x, rectangle.y, rectangle.width, rectangle.height = area.left, area.top, area.width, area.height
        self._hint.count = len(changed)


def _attached_hint(frame: av.VideoFrame) -> _Hint | None:
    """Attach room for ``_MAX_AREAS`` to ``frame`` and return it, or None where that is not possible."""
    create = _create_function()
    address = _avframe_address(frame) if create else None
    made = create(address, _MAX_AREAS) if create and address else None
    if not made:
        return None
    hint = _Hint.from_address(made)
    hint.type = _CHANGED
    return hint


@cache
def _create_function() -> Any:
    """Return libavutil's ``av_video_hint_create_side_data``; None for an unknown PyAV or interpreter."""
    if sys.implementation.name != "cpython" or av.__version__.partition(".")[0] != _KNOWN_PYAV:
        return None
    from av import _core

    # The symbols of the libraries that a module is linked with are found through it.
    function = getattr(ctypes.CDLL(_core.__file__), "av_video_hint_create_side_data", None)
    if function is not None:
        function.restype, function.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_size_t)
    return function


def _avframe_address(frame: av.VideoFrame) -> int | None:
    """Return the address of the ``AVFrame`` of ``frame``, checked by its first field, the address of the luma."""
    place = id(frame) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
    address = ctypes.c_void_p.from_address(place).value
    if address is None or ctypes.c_void_p.from_address(address).value != frame.planes[0].buffer_ptr:
        return None
    return address
