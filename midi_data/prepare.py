"""From archives of MIDI to a prepared corpus: read, check, de-duplicate, encode, store, with every loss counted.

One shard a source archive (or folder). A finished shard is kept as it is, so a preparation that was broken off goes on
where it stood. Bad files are skipped with their reason counted, never fatal.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from midi_data.archive import MidiMember, is_archive, midi_members
from midi_data.errors import BadMidiError, CorpusError
from midi_data.events import FINGERPRINT, EventSequence, encode
from midi_data.heard_key import heard_key, key_class
from midi_data.manifest import Entry, guessed_entry, read_manifest
from midi_data.midi_file import song_from_bytes
from midi_data.pieces import Piece, piece_line
from midi_data.round_trip import Losses
from midi_data.song import Song

FEWEST_NOTES = 16
"""Shorter pieces teach nothing but endings."""

Progress = Callable[[str, int], None]
"""Called with the source's name and the number of its files seen so far."""


@dataclass(slots=True)
class _Making:
    """A shard in the making."""

    rows: list[np.ndarray[Any, Any]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    losses: Losses = field(default_factory=Losses)
    note_count: int = 0


def sources_in(folder: Path) -> list[Path]:
    """The archives in ``folder``, or the folder (or archive) itself when it holds none."""
    if folder.is_dir():
        archives = sorted(path for path in folder.iterdir() if path.is_file() and is_archive(path))
        return archives or [folder]
    if not folder.exists():
        raise CorpusError(f"{folder}: no such folder or archive")
    return [folder]


def prepare(
    source: Path, out: Path, *, genre: str = "", licence: str = "not stated", progress: Progress | None = None
) -> list[Path]:
    """Prepare every archive of ``source`` into ``out``; returns the shard folders.

    A ``manifest.csv`` beside the archives gives genre, split and licence of each file; files it does not name belong to
    ``genre``. Raises ``CorpusError`` when a source cannot be read at all or holds no usable piece.
    """
    manifest = read_manifest((source if source.is_dir() else source.parent) / "manifest.csv")
    seen: set[bytes] = set()
    shards = []
    for each in sources_in(source):
        folder = out / shard_name(each)
        if not _finished(folder, each, seen):
            _prepare_shard(each, folder, manifest, genre or shard_name(each), licence, seen, progress)
        shards.append(folder)
    return shards


def shard_name(source: Path) -> str:
    """``blues.tar.xz`` → ``blues``."""
    return source.name.split(".")[0] or source.name


def _stamp(source: Path) -> str:
    if source.is_dir():
        names = sorted(f"{p.relative_to(source)}:{p.stat().st_size}" for p in source.rglob("*") if p.is_file())
        return hashlib.sha256("\n".join(names).encode()).hexdigest()
    with source.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _finished(folder: Path, source: Path, seen: set[bytes]) -> bool:
    try:
        card = json.loads((folder / "card.json").read_text())
    except (OSError, ValueError):
        return False
    if card.get("stamp") != _stamp(source) or card.get("fingerprint") != FINGERPRINT:
        return False
    seen.update(bytes.fromhex(digest) for digest in card["digests"])
    return True


def _prepare_shard(
    source: Path,
    folder: Path,
    manifest: dict[str, Entry],
    genre: str,
    licence: str,
    seen: set[bytes],
    progress: Progress | None,
) -> None:
    making, mine = _Making(), set[bytes]()
    for count, member in enumerate(midi_members(source), start=1):
        entry = manifest.get(member.name) or guessed_entry(member.name, genre, licence)
        _add_member(making, member, entry, seen, mine)
        if progress:
            progress(source.name, count)
    if not making.pieces:
        raise CorpusError(f"{source}: no usable MIDI file (skipped: {dict(making.skipped) or 'none found'})")
    _write(making, folder, _card(making, source, mine))


def _add_member(making: _Making, member: MidiMember, entry: Entry, seen: set[bytes], mine: set[bytes]) -> None:
    if member.data is None:
        making.skipped["too large"] += 1
        return
    try:
        song = song_from_bytes(member.data, source=member.name)
    except BadMidiError as error:
        making.skipped[error.reason] += 1
        return
    events = encode(song)
    if len(events) < FEWEST_NOTES:
        making.skipped[f"fewer than {FEWEST_NOTES} notes"] += 1
        return
    digest = transposed_digest(events)
    if digest in seen:
        making.skipped["duplicate"] += 1
        return
    seen.add(digest)
    mine.add(digest)
    making.losses.add(song)
    _store(making, member.name, entry, song, events)


def transposed_digest(events: EventSequence) -> bytes:
    """Names a piece whatever its key: onsets, parts and intervals, but neither pitch nor tempo nor velocity."""
    pitched = events.part >= 4
    lowest = int(events.pitch[pitched].min()) if pitched.any() else 0
    relative = np.where(pitched, events.pitch - lowest, events.pitch)
    return hashlib.sha256(np.stack([events.onset - events.onset[0], events.part, relative]).tobytes()).digest()


def _store(making: _Making, name: str, entry: Entry, song: Song, events: EventSequence) -> None:
    columns = [events.onset, events.part, events.pitch, events.duration, events.velocity]
    making.rows.append(np.column_stack(columns).astype(np.int32))
    making.pieces.append(
        Piece(
            name=name,
            genre=entry.genre,
            style=entry.style,
            split=entry.split,
            work=entry.work,
            title=entry.title,
            licence=entry.licence,
            first=making.note_count,
            count=len(events),
            end=song.end,
            seconds=round(song.duration_seconds, 3),
            key=key_class(heard_key(events)),
            tempos=tuple((t.onset, t.bpm) for t in song.tempos),
            meters=tuple((m.onset, m.numerator, m.denominator) for m in song.meters),
        )
    )
    making.note_count += len(events)


def _card(making: _Making, source: Path, digests: set[bytes]) -> dict[str, Any]:
    return {
        "source": source.name,
        "stamp": _stamp(source),
        "fingerprint": FINGERPRINT,
        "pieces": len(making.pieces),
        "notes": making.note_count,
        "hours": round(sum(p.seconds for p in making.pieces) / 3600, 3),
        "licences": dict(Counter(f"{p.genre}/{p.style}: {p.licence}" for p in making.pieces)),
        "skipped": dict(making.skipped),
        "losses": making.losses.summary(),
        "digests": sorted(d.hex() for d in digests),
    }


def _write(making: _Making, folder: Path, card: dict[str, Any]) -> None:
    """Everything under a temporary name first: a shard is there whole or not at all."""
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    np.save(temporary / "notes.npy", np.concatenate(making.rows), allow_pickle=False)
    (temporary / "pieces.jsonl").write_text("".join(piece_line(p) + "\n" for p in making.pieces), encoding="utf-8")
    (temporary / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.replace(folder)
