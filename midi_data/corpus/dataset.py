"""A prepared corpus on disk: memory-mapped note arrays and one line of facts a piece. Made by ``prepare``.

A shard is a folder with ``notes.npy`` (N, 5) int32 columns onset, part, pitch, duration, velocity (classes of
``midi_data.events.encoding``), ``pieces.jsonl`` and ``card.json``. A prepared corpus is a folder of shards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from midi_data.errors import CorpusError
from midi_data.events.encoding import FINGERPRINT, EventSequence
from midi_data.song import Meter, Tempo


@dataclass(frozen=True, slots=True)
class Piece:
    """Facts of one piece. Its notes are rows ``first`` … ``first + count`` of the shard."""

    name: str
    genre: str
    style: str
    split: str
    work: str
    title: str
    licence: str
    first: int
    count: int
    end: int
    seconds: float
    key: int
    tempos: tuple[tuple[int, float], ...]
    meters: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """One prepared source: its pieces, their notes (memory-mapped) and its card."""

    folder: Path
    pieces: tuple[Piece, ...]
    notes: NDArray[np.int32]
    card: dict[str, Any]

    def events(self, piece: Piece) -> EventSequence:
        """Return the events of ``piece`` from the mapped notes."""
        rows = np.asarray(self.notes[piece.first : piece.first + piece.count], dtype=np.int64)
        onset, part, pitch, duration, velocity = rows.T
        return EventSequence(
            onset,
            part,
            pitch,
            duration,
            velocity,
            tempos=tuple(Tempo(*tempo) for tempo in piece.tempos),
            meters=tuple(Meter(*meter) for meter in piece.meters),
            title=piece.title,
            end=piece.end,
        )


def open_shard(folder: Path) -> Shard:
    """Open one shard. Raises ``CorpusError`` when it is missing, unfinished or of another representation."""
    try:
        card = json.loads((folder / "card.json").read_text())
        lines = (folder / "pieces.jsonl").read_text().splitlines()
        notes = np.load(folder / "notes.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{folder}: no prepared corpus ({error})") from error
    if card.get("fingerprint") != FINGERPRINT:
        raise CorpusError(f"{folder}: prepared as {card.get('fingerprint')}, this version reads {FINGERPRINT}")
    return Shard(folder, tuple(_piece(line) for line in lines), notes, card)


def open_shards(folder: Path) -> list[Shard]:
    """Open all shards of a prepared corpus, sorted by name. Raises ``CorpusError`` when there is none."""
    folders = [folder] if (folder / "card.json").exists() else sorted(p.parent for p in folder.glob("*/card.json"))
    if not folders:
        raise CorpusError(f"{folder}: no prepared corpus here (make one with: riffbird corpus prepare)")
    return [open_shard(each) for each in folders]


def piece_line(piece: Piece) -> str:
    """Return ``piece`` as a line of ``pieces.jsonl``."""
    return json.dumps(asdict(piece), ensure_ascii=False)


def _piece(line: str) -> Piece:
    fields = json.loads(line)
    fields["tempos"] = tuple((int(t), float(bpm)) for t, bpm in fields["tempos"])
    fields["meters"] = tuple((int(t), int(n), int(d)) for t, n, d in fields["meters"])
    return Piece(**fields)


def all_pieces(shards: list[Shard], split: str) -> Iterator[tuple[Shard, Piece]]:
    """Yield every piece of ``split`` with its shard."""
    for shard in shards:
        for piece in shard.pieces:
            if piece.split == split:
                yield shard, piece
