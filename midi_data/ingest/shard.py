"""Writes a shard: notes as they come, pieces and card at the end, then one rename of the folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Self

import numpy as np

from midi_data.corpus.dataset import Piece, piece_line
from midi_data.corpus.manifest import Entry
from midi_data.ingest.convert import Converted
from midi_data.ingest.report import Report
from midi_data.io.round_trip import RoundTripLosses

_COLUMNS = 5


class ShardWriter:
    """Writes ``folder`` under a temporary name, renamed by ``finish``; without ``finish`` nothing is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(parents=True)
        self._notes = (self._temporary / "notes.npy").open("w+b")
        self._write_header(0)
        self.pieces: list[Piece] = []
        self.losses = RoundTripLosses()
        self.digests: set[bytes] = set()
        self.note_count = 0
        self._moved = self._moved_ms = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._notes.close()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def add(self, name: str, entry: Entry, converted: Converted) -> None:
        """Append a piece."""
        self._notes.write(converted.rows.tobytes())
        count = len(converted.rows)
        self.pieces.append(_piece(name, entry, converted, self.note_count))
        self.losses.join(converted.losses)
        self.digests.add(converted.digest)
        self.note_count += count
        self._moved += converted.moved * count
        self._moved_ms += converted.moved_ms * count

    def finish(self, facts: dict[str, Any], report: Report) -> None:
        """Write pieces, card (``facts`` and the shard's sums) and report, then rename the folder."""
        self._notes.seek(0)
        self._write_header(self.note_count)
        self._notes.close()
        lines = "".join(piece_line(piece) + "\n" for piece in self.pieces)
        (self._temporary / "pieces.jsonl").write_text(lines, encoding="utf-8")
        card = json.dumps(self._card(facts), indent=1, ensure_ascii=False)
        (self._temporary / "card.json").write_text(card, encoding="utf-8")
        report.write(self._temporary)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._temporary.replace(self._folder)

    def _card(self, facts: dict[str, Any]) -> dict[str, Any]:
        return {
            **facts,
            "pieces": len(self.pieces),
            "notes": self.note_count,
            "hours": round(sum(piece.seconds for piece in self.pieces) / 3600, 3),
            "losses": self.losses.summary(),
            "quantised": {
                "mean_moved_ticks": round(self._moved / max(self.note_count, 1), 4),
                "mean_moved_ms": round(self._moved_ms / max(self.note_count, 1), 2),
            },
            "digests": sorted(digest.hex() for digest in self.digests),
        }

    def _write_header(self, count: int) -> None:
        # NumPy pads headers so that the first axis can grow without moving the data.
        described = {"descr": "<i4", "fortran_order": False, "shape": (count, _COLUMNS)}
        np.lib.format.write_array_header_1_0(self._notes, described)


def _piece(name: str, entry: Entry, converted: Converted, first: int) -> Piece:
    return Piece(
        name=name,
        genre=entry.genre,
        style=entry.style,
        split=entry.split,
        work=entry.work,
        title=entry.title,
        licence=entry.licence,
        first=first,
        count=len(converted.rows),
        end=converted.end,
        seconds=converted.seconds,
        key=converted.key,
        tempos=converted.tempos,
        meters=converted.meters,
    )
