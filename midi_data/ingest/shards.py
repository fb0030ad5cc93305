"""The shards of one source: ``blues``, and for a large one ``blues.2``, ``blues.3`` and so on.

A shard is finished when the next piece would make it too large, and is not changed afterwards: an interrupted
preparation goes on after the last finished shard.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from midi_data.corpus.dataset import Shard, open_shard
from midi_data.corpus.manifest import Entry
from midi_data.errors import CorpusError
from midi_data.ingest.convert import Converted
from midi_data.ingest.report import Report
from midi_data.ingest.shard import ShardWriter

MAX_SHARD_NOTES = 50_000_000
"""Notes of a shard: 1 GB."""

Facts = Callable[[ShardWriter, Report], dict[str, Any]]
"""Makes the facts of a shard's card about its source."""


def shard_folder(folder: Path, number: int) -> Path:
    """Return the folder of shard ``number`` (from 1) of the source that is prepared into ``folder``."""
    return folder if number == 1 else folder.with_name(f"{folder.name}.{number}")


def finished_shards(folder: Path, is_wanted: Callable[[dict[str, Any]], bool]) -> list[Shard]:
    """Return the leading finished shards whose cards satisfy ``is_wanted``."""
    shards: list[Shard] = []
    while not shards or not is_last(shards[-1]):
        try:
            part = open_shard(shard_folder(folder, len(shards) + 1))
        except CorpusError:
            break
        if not is_wanted(part.card):
            break
        shards.append(part)
    return shards


def is_last(part: Shard) -> bool:
    """Whether ``part`` is the last shard of its source."""
    return bool(part.card.get("last", True))


class ShardSequence:
    """Writes the shards that follow those ``done``. A context manager; without ``finish`` the last one is removed."""

    def __init__(self, source: str, folder: Path, done: list[Shard], facts: Facts, max_shard_notes: int) -> None:
        self._source, self._folder, self._facts, self._largest = source, folder, facts, max_shard_notes
        self.count = len(done)
        self.seen = int(done[-1].card["files_seen"]) if done else 0
        """Files of the source seen so far, the current one included."""
        _remove_parts(folder, after=self.count)
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shard.__exit__()

    def _begin(self) -> None:
        self.count += 1
        self.report = Report(self._source)
        self._shard = ShardWriter(shard_folder(self._folder, self.count))

    def add(self, name: str, entry: Entry, converted: Converted) -> None:
        """Append a piece to this shard, or to a new one when this is full."""
        if self._shard.pieces and self._shard.note_count + len(converted.rows) > self._largest:
            self._close(last=False, seen=self.seen - 1)
            self._begin()
        self._shard.add(name, entry, converted)
        self.report.use(name, converted.notices)

    def finish(self) -> None:
        """Finish the last shard. Raises ``CorpusError`` when no piece was used."""
        if not self._shard.pieces:
            if self.count == 1:
                shutil.rmtree(self._folder, ignore_errors=True)
            raise CorpusError(f"no usable MIDI file (skipped: {self.report.reasons or 'none found'})")
        self._close(last=True, seen=self.seen)

    def _close(self, *, last: bool, seen: int) -> None:
        facts = {"part": self.count, "last": last, "files_seen": seen}
        self._shard.finish(self._facts(self._shard, self.report) | facts, self.report)


def _remove_parts(folder: Path, after: int) -> None:
    """Remove the shards of an earlier preparation after number ``after``; the first is replaced by its writer."""
    name = re.compile(re.escape(folder.name) + r"\.(\d+)")
    for each in folder.parent.iterdir() if folder.parent.is_dir() else ():
        numbered = name.fullmatch(each.name)
        if numbered and int(numbered[1]) > after and (each / "card.json").is_file():
            shutil.rmtree(each)
