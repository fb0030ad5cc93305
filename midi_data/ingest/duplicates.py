"""What a preparation has taken in so far, so that no piece comes twice and no work stands on both sides of a split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from midi_data.corpus.dataset import Shard
from midi_data.corpus.manifest import Entry
from midi_data.ingest.convert import Converted
from midi_data.ingest.fingerprints import sketch, transposed_digest
from midi_data.ingest.works import NEAR_SHARE, Likeness, WorkIndex


class LeftOutError(Exception):
    """For the report: the piece is not taken. ``reason`` is one to count."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(slots=True)
class KnownPieces:
    """Digests for exact copies, sketches for near ones."""

    _digests: dict[bytes, str] = field(default_factory=dict)
    _index: WorkIndex = field(default_factory=WorkIndex)
    _entries: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, name: str, entry: Entry, converted: Converted, *, curated: bool) -> Entry:
        """``entry``, as a version of an earlier work on that work's side. Raises ``LeftOutError`` for a copy.

        A curated piece keeps its manifest's work and split, and is left out as an exact copy only.
        """
        if converted.digest in self._digests:
            raise LeftOutError("duplicate", f"{name}: the same notes as {self._digests[converted.digest]}")
        if not curated:
            entry = self._on_its_side(name, entry, self._index.like(converted.sketch))
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

    def _on_its_side(self, name: str, entry: Entry, alike: list[Likeness]) -> Entry:
        if not alike:
            return entry
        likest, work, split = self._entries[alike[0].piece]
        if alike[0].share >= NEAR_SHARE:
            raise LeftOutError("near-duplicate", f"{name}: {alike[0].share:.0%} of its melodies are in {likest}")
        if any(self._entries[each.piece][2] != split for each in alike):
            raise LeftOutError("on both sides", f"{name}: like {likest} and a piece on the other side of the split")
        return replace(entry, work=work, split=split)
