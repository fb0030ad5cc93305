"""What a preparation has taken in so far, so that no piece comes twice and no work stands on both sides of a split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from midi_data.corpus.dataset import Shard
from midi_data.corpus.manifest import Entry
from midi_data.ingest.convert import Converted
from midi_data.ingest.fingerprints import sketch, transposed_digest
from midi_data.ingest.works import DUPLICATE_SIMILARITY, Match, WorkIndex


class SkippedPieceError(Exception):
    """For the report: the piece is not taken. ``reason`` is one to count."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(slots=True)
class PieceRegistry:
    """Digests for exact copies, sketches for near ones."""

    _digests: dict[bytes, str] = field(default_factory=dict)
    _index: WorkIndex = field(default_factory=WorkIndex)
    _entries: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, name: str, entry: Entry, converted: Converted, *, curated: bool) -> Entry:
        """``entry``, as a version of an earlier work on that work's side. Raises ``SkippedPieceError`` for a copy.

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
        """The pieces of a shard that was prepared before."""
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
