"""MIDI files out of a folder, a tar or a zip, without trusting any of them.

Nothing is unpacked to disk; links, devices and oversized members are passed by; names are only labels.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from midi_data.errors import CorpusError
from midi_data.midi_file import FILE_SIZE_LIMIT

MIDI_ENDINGS = (".mid", ".midi", ".kar", ".rmi")
ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip")
MEMBER_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class MidiMember:
    """One MIDI file: its ``name`` inside the source (posix, relative) and its bytes, ``None`` when it is too large."""

    name: str
    data: bytes | None


def is_archive(path: Path) -> bool:
    """Whether the name says that ``path`` is an archive that ``midi_members`` reads."""
    return path.name.lower().endswith(ARCHIVE_ENDINGS)


def midi_members(source: Path) -> Iterator[MidiMember]:
    """Every MIDI file in a folder (recursively, sorted) or archive. Raises ``CorpusError`` when it is neither."""
    if source.is_dir():
        yield from _from_folder(source)
    elif not source.is_file():
        raise CorpusError(f"{source}: no such folder or archive")
    elif zipfile.is_zipfile(source):
        yield from _from_zip(source)
    elif is_archive(source):
        yield from _from_tar(source)
    elif source.suffix.lower() in MIDI_ENDINGS:
        yield MidiMember(source.name, _limited(source))
    else:
        raise CorpusError(f"{source}: a corpus is a folder, a tar or a zip of MIDI files")


def _is_midi(name: str) -> bool:
    return name.lower().endswith(MIDI_ENDINGS)


def _limited(path: Path) -> bytes | None:
    return path.read_bytes() if path.stat().st_size <= FILE_SIZE_LIMIT else None


def _from_folder(folder: Path) -> Iterator[MidiMember]:
    for path in sorted(folder.rglob("*")):
        if _is_midi(path.name) and path.is_file() and not path.is_symlink():
            yield MidiMember(path.relative_to(folder).as_posix(), _limited(path))


def _from_tar(source: Path) -> Iterator[MidiMember]:
    try:
        with tarfile.open(source, mode="r|*") as archive:
            for count, member in enumerate(archive):
                if count >= MEMBER_LIMIT:
                    raise CorpusError(f"{source}: at most {MEMBER_LIMIT} members")
                if member.isfile() and _is_midi(member.name):
                    yield MidiMember(_label(member.name), _tar_bytes(archive, member))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CorpusError(f"{source}: damaged archive ({error})") from error


def _tar_bytes(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    if member.size > FILE_SIZE_LIMIT:
        return None
    handle = archive.extractfile(member)
    return handle.read() if handle else None


def _from_zip(source: Path) -> Iterator[MidiMember]:
    try:
        with zipfile.ZipFile(source) as archive:
            for info in archive.infolist()[:MEMBER_LIMIT]:
                if not info.is_dir() and _is_midi(info.filename):
                    # A member may lie about its size: never read more than the limit and one byte.
                    with archive.open(info) as handle:
                        data = handle.read(FILE_SIZE_LIMIT + 1)
                    yield MidiMember(_label(info.filename), data if len(data) <= FILE_SIZE_LIMIT else None)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
        raise CorpusError(f"{source}: damaged archive ({error})") from error


def _label(name: str) -> str:
    return "/".join(part for part in PurePosixPath(name).parts if part not in ("/", "..", "."))
