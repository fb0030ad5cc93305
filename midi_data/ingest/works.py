"""An index of sketches that finds similar pieces among hundreds of thousands."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from midi_data.ingest.fingerprints import Sketch, levels

DUPLICATE_SIMILARITY = 0.8
"""Share of common grams (of the piece with fewer) from which a piece is a near-duplicate."""
SAME_WORK_SIMILARITY = 0.4
"""Share from which two pieces are versions of one work, and belong on one side of a split."""
MIN_COMMON_GRAMS = 12
"""Grams that both pieces must have before they are compared."""
_LEVELS = 40


@dataclass(frozen=True, slots=True)
class Match:
    """An earlier piece and the share of grams that both have."""

    piece: int
    share: float


@dataclass(slots=True)
class WorkIndex:
    """Sketches by gram, in sorted runs that are merged as they grow (12 bytes a gram)."""

    _runs: list[tuple[Sketch, NDArray[np.int32]]] = field(default_factory=list)
    _sizes: list[NDArray[np.uint8]] = field(default_factory=list)

    def add(self, sketch: Sketch) -> int:
        """Add a piece; returns its number, from 0."""
        piece = len(self._sizes)
        counts = np.bincount(np.minimum(levels(sketch), _LEVELS - 1), minlength=_LEVELS)
        self._sizes.append(np.cumsum(counts[::-1])[::-1].astype(np.uint8))
        run = (sketch, np.full(len(sketch), piece, dtype=np.int32))
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            run = _merged(self._runs.pop(), run)
        self._runs.append(run)
        return piece

    def find_similar(self, sketch: Sketch, share: float = SAME_WORK_SIMILARITY) -> list[Match]:
        """Return the earlier pieces with at least ``share`` common grams, the most similar first."""
        if len(sketch) < MIN_COMMON_GRAMS:
            return []
        found = np.concatenate([np.zeros(0, dtype=np.int32), *(_holders(run, sketch) for run in self._runs)])
        pieces, common = np.unique(found, return_counts=True)
        matches = [
            Match(int(piece), float(count) / self._comparable(int(piece), sketch))
            for piece, count in zip(pieces, common, strict=True)
            if count >= share * MIN_COMMON_GRAMS and self._comparable(int(piece), sketch) >= MIN_COMMON_GRAMS
        ]
        return sorted((each for each in matches if each.share >= share), key=lambda each: (-each.share, each.piece))

    def _comparable(self, piece: int, sketch: Sketch) -> int:
        """Grams of the piece with fewer, at the coarser of the two samples."""
        level = max(int(levels(sketch).min()), int(np.flatnonzero(self._sizes[piece] == self._sizes[piece][0]).max()))
        return min(int(self._sizes[piece][level]), int((levels(sketch) >= level).sum()))


def _merged(
    one: tuple[Sketch, NDArray[np.int32]], other: tuple[Sketch, NDArray[np.int32]]
) -> tuple[Sketch, NDArray[np.int32]]:
    hashes, pieces = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])
    order = np.argsort(hashes, kind="stable")
    return hashes[order], pieces[order]


def _holders(run: tuple[Sketch, NDArray[np.int32]], sketch: Sketch) -> NDArray[np.int32]:
    first, last = np.searchsorted(run[0], sketch, "left"), np.searchsorted(run[0], sketch, "right")
    return np.concatenate([np.zeros(0, dtype=np.int32), *(run[1][a:b] for a, b in zip(first, last, strict=True))])
