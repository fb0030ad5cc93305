"""Longest-suffix matches in a piece: for each frame, the earlier position whose past is most like the present one.

The frame that followed there predicts the next one, at any distance. Only frames before the predicted one are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.pianoroll.data import KEYS, Roll

KINDS = ("exact", "shifted", "top")
"""Same frames; same frames some semitones away; same highest notes."""
NOWHERE = -1

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The longest match of each kind for each frame; invariant under transposition.

    ``source`` (T, 3): index of the frame after the match (−1: none). ``length`` (T, 3): equal frames before it.
    ``semitones`` (T,): how far the present is above the shifted match.
    """

    source: Ints
    length: Ints
    semitones: Ints


def find_matches(roll: Roll) -> Matches:
    """The longest match of each kind for each frame of ``roll`` (T, 88); the latest of equally long ones."""
    low = _lowest(roll)
    motion = np.diff(low, prepend=low[:1])
    shape = np.array([np.roll(frame, -bottom) for frame, bottom in zip(roll, low, strict=True)]).reshape(-1, KEYS)
    always = np.zeros(len(roll), dtype=np.int64)
    top = np.where(roll.any(1), KEYS - np.argmax(roll[:, ::-1], axis=1), 0)
    found = [
        _longest(_ids(roll), always),
        _longest(_ids(shape), motion, apart=low),
        _longest(top, always),
    ]
    source = np.stack([each[0] for each in found], axis=1)
    length = np.stack([each[1] for each in found], axis=1)
    semitones = np.zeros(len(roll), dtype=np.int64)
    there = np.flatnonzero(source[:, 1] > 0)
    semitones[there] = low[there - 1] - low[source[there, 1] - 1]
    return Matches(source, length, semitones)


def _lowest(roll: Roll) -> Ints:
    """(T,): the lowest key of each frame; that of the frame before if it is empty."""
    low = np.where(roll.any(1), np.argmax(roll, axis=1), NOWHERE)
    held = np.maximum.accumulate(np.where(low >= 0, np.arange(len(low)), 0))
    return np.maximum(low[held], 0).astype(np.int64)


def _ids(frames: Roll) -> Ints:
    if not len(frames):
        return np.zeros(0, dtype=np.int64)
    return np.unique(frames, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _longest(ids: Ints, motion: Ints, *, apart: Ints | None = None) -> tuple[Ints, Ints]:
    """(source, length), (T,) each, of the longest common past: ``ids`` agree, and ``motion`` between frames agrees.

    ``apart``: only matches where this differs count. Quadratic in the length of the piece, one row at a time.
    """
    count = len(ids)
    source, length = np.full(count, NOWHERE, dtype=np.int64), np.zeros(count, dtype=np.int64)
    run = np.zeros(count, dtype=np.int64)
    for time in range(2, count):
        # run[s] before: equal frames that end at s - 1 and time - 2; after: at s - 1 and time - 1.
        before = np.where(motion[: time - 1] == motion[time - 1], run[: time - 1], 0)
        run[1:time] = np.where(ids[: time - 1] == ids[time - 1], before + 1, 0)
        lengths = run[1:time] if apart is None else run[1:time] * (apart[: time - 1] != apart[time - 1])
        best = time - 2 - int(np.argmax(lengths[::-1]))
        if lengths[best] > 0:
            source[time], length[time] = best + 1, lengths[best]
    return source, length
