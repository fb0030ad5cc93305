"""Pieces of a preparation so far: finds duplicates and keeps the versions of a work on one side of the split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from midi_data.corpus.dataset import Shard
from midi_data.corpus.manifest import Entry
from midi_data.ingest.convert import Converted
from midi_data.ingest.fingerprints import sketch, transposed_digest
from midi_data.ingest.works import DUPLICATE_SIMILARITY, Match, WorkIndex


class SkippedPieceError(Exception):
    """The piece is left out. ``reason``: a word for counting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(slots=True)
class PieceRegistry:
    """Digests find exact copies, sketches near ones."""

    _digests: dict[bytes, str] = field(default_factory=dict)
    _index: WorkIndex = field(default_factory=WorkIndex)
    _entries: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, name: str, entry: Entry, converted: Converted, *, curated: bool) -> Entry:
        """Add a piece; a version of an earlier work gets that work's split. Raises ``SkippedPieceError`` for a copy.

        A curated piece keeps its manifest's work and split, and is left out as an exact copy only.
        """
        if converted.digest in self._digests:
            raise SkippedPieceError("duplicate", f"{name}: the same notes as {self._digests[converted.digest]}")
        if not curated:
            entry = self._assign_split(name, entry, self._index.find_similar(converted.sketch))
        self._digests[converted.digest] = name
        self._index.add(converted.sketch)
        self._entries.append((name, entry.work, entry.split))
        return entry

    def take_shard(self, shard: Shard) -> None:
        """Add the pieces of a finished shard."""
        for piece in shard.pieces:
            events = shard.events(piece)
            self._digests[transposed_digest(events)] = piece.name
            self._index.add(sketch(events))
            self._entries.append((piece.name, piece.work, piece.split))

    def _assign_split(self, name: str, entry: Entry, matches: list[Match]) -> Entry:
        if not matches:
            return entry
        closest, work, split = self._entries[matches[0].piece]
        if matches[0].share >= DUPLICATE_SIMILARITY:
            raise SkippedPieceError(
                "near-duplicate", f"{name}: {matches[0].share:.0%} of its melodies are in {closest}"
            )
        if any(self._entries[each.piece][2] != split for each in matches):
            raise SkippedPieceError(
                "on both sides", f"{name}: like {closest} and a piece on the other side of the split"
            )
        return replace(entry, work=work, split=split)
