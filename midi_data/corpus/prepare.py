"""Folders and archives of MIDI → a prepared corpus: read, check, clean, de-duplicate, encode; losses are counted.

One shard a source, several for a large one. Finished shards are kept, so an interrupted preparation goes on where it
stopped. Memory holds facts and sketches of the pieces, not their notes. Bad files are left out with a reason; they are
opened only in child processes (``midi_data.ingest``).
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from midi_data.corpus.archive import is_archive, is_midi
from midi_data.corpus.dataset import open_shard
from midi_data.corpus.manifest import Entry, default_entry, read_manifest
from midi_data.errors import CorpusError
from midi_data.events.encoding import FINGERPRINT
from midi_data.ingest.convert import Converted
from midi_data.ingest.duplicates import PieceRegistry, SkippedPieceError
from midi_data.ingest.report import Report
from midi_data.ingest.sandbox.pool import Answer, Pool
from midi_data.ingest.shard import ShardWriter
from midi_data.ingest.shards import MAX_SHARD_NOTES, ShardSequence, finished_shards, is_last, shard_folder

PREPARATION = 3
"""Raised when preparing the same files gives other pieces."""

NOT_STATED = "not stated"

Progress = Callable[[str, int], None]
"""Called with the source's name and the number of its files seen so far."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a preparation; a shard made with others is made again."""

    genre: str
    licence: str
    keep_unaligned: bool
    manifest: str
    preparation: int = PREPARATION


@dataclass(frozen=True, slots=True)
class _Preparing:
    """State common to all sources of one preparation."""

    pool: Pool
    known: PieceRegistry
    manifest: dict[str, Entry]
    progress: Progress | None
    max_shard_notes: int


def sources_in(folder: Path) -> list[Path]:
    """Return the archives in ``folder``, then the folder itself if it holds other files; or the one archive."""
    if not folder.exists():
        raise CorpusError(f"{folder}: no such folder or archive")
    if not folder.is_dir():
        return [folder]
    archives = sorted(path for path in folder.iterdir() if path.is_file() and is_archive(path))
    return [*archives, folder] if not archives or _files_of(folder) else archives


def prepare(
    source: Path,
    out: Path,
    *,
    genre: str = "",
    licence: str = "",
    keep_unaligned: bool = False,
    progress: Progress | None = None,
    processes: int | None = None,
    max_shard_notes: int = MAX_SHARD_NOTES,
) -> list[Path]:
    """Prepare every archive and the loose files of ``source`` into ``out``; return the shard folders.

    A source of more than ``max_shard_notes`` notes becomes several shards.

    A ``manifest.csv`` beside the archives gives genre, split and licence of each file, which is then taken as it
    stands. Files that it does not name belong to ``genre``, stand under ``licence`` ("not stated" when empty), are
    cleaned, and left out when their beats are clearly not on the grid (unless ``keep_unaligned``) or when they are
    near-duplicates. Raises ``CorpusError`` when nothing can be read or no source holds a usable piece.
    """
    manifest_path = (source if source.is_dir() else source.parent) / "manifest.csv"
    manifest_digest = hashlib.sha256(manifest_path.read_bytes()).hexdigest() if manifest_path.is_file() else ""
    shards: list[Path] = []
    refusals: list[CorpusError] = []
    sources = sources_in(source)
    with Pool(processes) as pool:
        known = _known_elsewhere(out, {_folder_name(each, sources) for each in sources})
        preparing = _Preparing(pool, known, read_manifest(manifest_path), progress, max_shard_notes)
        for each in sources:
            name = _folder_name(each, sources)
            settings = Settings(genre or shard_name(each), licence or NOT_STATED, keep_unaligned, manifest_digest)
            try:
                shards += _prepare_source(preparing, each, out / name, settings)
            except CorpusError as refusal:
                refusals.append(refusal)
    if not shards:
        raise refusals[0]
    return shards


def _folder_name(source: Path, sources: list[Path]) -> str:
    """The name of a source's first shard; a folder's own files beside its archives get a name of their own."""
    return shard_name(source) + ("-files" if source.is_dir() and len(sources) > 1 else "")


def _known_elsewhere(out: Path, names: set[str]) -> PieceRegistry:
    """The pieces of shards in ``out`` that other preparations made: a work stays on the side that it has there."""
    known = PieceRegistry()
    for card in sorted(out.glob("*/card.json")):
        if card.parent.name.rpartition(".")[0] in names or card.parent.name in names:
            continue
        try:
            known.take_shard(open_shard(card.parent))
        except CorpusError:  # of another version: it is made anew before it is used
            continue
    return known


def shard_name(source: Path) -> str:
    """``blues.tar.xz`` → ``blues``."""
    name = source.absolute().name
    return name.split(".")[0] or name


def _files_of(folder: Path) -> list[Path]:
    """Return the MIDI files and nested archives of a folder that is itself a source."""
    paths = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if is_midi(path.name) or (is_archive(path) and path.parent != folder))


def _stamp(source: Path) -> str:
    if not source.is_dir():
        with source.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    digest = hashlib.sha256()
    for path in _files_of(source):
        facts = path.lstat()
        digest.update(os.fsencode(path.relative_to(source)) + f":{facts.st_size}:{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _prepare_source(preparing: _Preparing, source: Path, folder: Path, settings: Settings) -> list[Path]:
    wanted = {"stamp": _stamp(source), "fingerprint": FINGERPRINT, "settings": asdict(settings)}
    done = finished_shards(folder, lambda card: all(card.get(key) == value for key, value in wanted.items()))
    for part in done:
        preparing.known.take_shard(part)
    if done and is_last(done[-1]):
        return [part.folder for part in done]

    def facts(shard: ShardWriter, report: Report) -> dict[str, Any]:
        return _facts(source, settings, shard, report) | wanted

    with ShardSequence(source.name, folder, done, facts, preparing.max_shard_notes) as shards:
        for answer in preparing.pool.converted(source, _options(preparing.manifest, settings), skip=shards.seen):
            shards.seen += 1
            _add(preparing, shards, answer, settings)
            if preparing.progress:
                preparing.progress(source.name, shards.seen)
        try:
            shards.finish()
        except CorpusError as refusal:
            raise CorpusError(f"{source}: {refusal}") from refusal
        return [shard_folder(folder, number + 1) for number in range(shards.count)]


def _options(manifest: dict[str, Entry], settings: Settings) -> Callable[[str], dict[str, Any]]:
    def options(name: str) -> dict[str, Any]:
        return {"name": name, "clean": name not in manifest, "keep_unaligned": settings.keep_unaligned}

    return options


def _add(preparing: _Preparing, shards: ShardSequence, answer: Answer, settings: Settings) -> None:
    name, head, report = answer.name, answer.head, shards.report
    report.took(name, float(head.get("cpu_seconds", 0.0)))
    if "left_out" in head:
        report.leave_out(name, str(head["left_out"]), str(head["detail"]))
        return
    listed = preparing.manifest.get(name)
    entry = listed or default_entry(name, settings.genre, settings.licence)
    try:
        converted = Converted.from_frame(head, answer.body)
        entry = preparing.known.take(name, entry, converted, curated=listed is not None)
    except SkippedPieceError as why:
        report.leave_out(name, why.reason, str(why))
    except (ValueError, KeyError, TypeError) as error:
        report.leave_out(name, "crashed the reader", f"{name}: its reader sent no piece ({error})")
    else:
        shards.add(name, entry, converted)


def _facts(source: Path, settings: Settings, shard: ShardWriter, report: Report) -> dict[str, Any]:
    return {
        "source": source.name,
        "licence": settings.licence,
        "licences": dict(Counter(f"{p.genre}/{p.style}: {p.licence}" for p in shard.pieces)),
        "skipped": report.reasons,
        "cleaned": report.cleaned,
    }
