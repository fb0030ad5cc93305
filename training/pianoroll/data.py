"""Piano-roll sets: JSON files of the benchmarks of Boulanger-Lewandowski, Bengio & Vincent (ICML 2012).

Format: ``{"train": [piece, ...], "valid": [...], "test": [...]}``; a piece is a list of frames, a frame a list of the
MIDI pitches that sound in it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

LOWEST, HIGHEST = 21, 108
KEYS = HIGHEST - LOWEST + 1
PARTS = ("train", "valid", "test")
FILE_SIZE_LIMIT = 512 * 2**20

Roll = NDArray[np.uint8]
"""(T, 88): 1 where a key sounds; column 0 is MIDI pitch 21."""


@dataclass(frozen=True, slots=True, eq=False)
class RollSet:
    """The pieces of each part of a file."""

    path: Path
    parts: dict[str, tuple[Roll, ...]]

    def pieces(self, part: str) -> tuple[Roll, ...]:
        """The pieces of ``part``; empty if the file has no such key."""
        return self.parts.get(part, ())

    def digests(self) -> dict[str, str]:
        """A digest of each part, independent of the order of its pieces."""
        return {part: _digest(pieces) for part, pieces in self.parts.items() if pieces}


def read_rolls(path: Path) -> RollSet:
    """Read a set. Raises ``TrainingError`` naming the problem and its place in the file."""
    try:
        if path.stat().st_size > FILE_SIZE_LIMIT:
            raise TrainingError(f"{path}: a piano-roll file has at most {FILE_SIZE_LIMIT} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict) or not any(part in content for part in PARTS):
        raise TrainingError(f"{path}: a piano-roll file is an object with some of the keys {', '.join(PARTS)}")
    return RollSet(path, {part: _part(path, part, content[part]) for part in PARTS if part in content})


def _part(path: Path, part: str, pieces: Any) -> tuple[Roll, ...]:
    if not isinstance(pieces, list):
        raise TrainingError(f"{path}: {part} is a list of pieces, not {type(pieces).__name__}")
    return tuple(_roll(f"{path}: {part}[{index}]", piece) for index, piece in enumerate(pieces))


def _roll(where: str, piece: Any) -> Roll:
    if not isinstance(piece, list):
        raise TrainingError(f"{where}: a piece is a list of frames, not {type(piece).__name__}")
    roll = np.zeros((len(piece), KEYS), dtype=np.uint8)
    for time, frame in enumerate(piece):
        if not isinstance(frame, list):
            raise TrainingError(f"{where}[{time}]: a frame is a list of pitches, not {type(frame).__name__}")
        for pitch in frame:
            if type(pitch) is not int or not LOWEST <= pitch <= HIGHEST:
                raise TrainingError(f"{where}[{time}]: a pitch is an integer {LOWEST} to {HIGHEST}, not {pitch!r}")
            roll[time, pitch - LOWEST] = 1
    return roll


def _digest(pieces: tuple[Roll, ...]) -> str:
    packed = (np.packbits(roll, axis=1).tobytes() + str(len(roll)).encode() for roll in pieces)
    each = sorted(hashlib.sha256(content).digest() for content in packed)
    return hashlib.sha256(b"".join(each)).hexdigest()[:32]
