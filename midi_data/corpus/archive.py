"""MIDI files from a folder, a tar or a zip, none of which is trusted.

Nothing is unpacked to disk, links and devices are skipped, names are labels only. A member that is too large, damaged
or an archive bomb comes without data and with the reason. ``midi_data.ingest`` runs this in a process with limits.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from midi_data.errors import CorpusError
from midi_data.io.smf import FILE_SIZE_LIMIT

MIDI_ENDINGS = (".mid", ".midi", ".kar", ".rmi")
ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip")
MEMBER_LIMIT = 1_000_000
UNPACKED_LIMIT = 8 * 2**30
"""Bytes unpacked from one archive, skipped members included."""
RATIO_LIMIT = 400
"""Most unpacked bytes a packed byte, beyond ``RATIO_FREE_BYTES``: music packs 5 to 50 fold, a bomb 1,000 fold."""
RATIO_FREE_BYTES = 4 * 2**20
LONGEST_LABEL = 300
_REPORT_BYTES = 16 * 2**20
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,  # encrypted
    NotImplementedError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class MidiMember:
    """One MIDI file: its ``name`` inside the source (posix, relative) and its bytes.

    ``data`` is ``None`` when it cannot be read: ``reason`` is a word for counting, ``detail`` one line.
    """

    name: str
    data: bytes | None
    reason: str = ""
    detail: str = ""


class _BombError(Exception):
    """The archive unpacks to more bytes than the limits allow."""


def is_archive(path: Path) -> bool:
    """Whether ``path`` has the ending of an archive that ``midi_members`` reads."""
    return path.name.lower().endswith(ARCHIVE_ENDINGS)


def is_midi(name: str) -> bool:
    """Whether ``name`` has the ending of a MIDI file."""
    return name.lower().endswith(MIDI_ENDINGS)


def label(name: str) -> str:
    """Return a member's name as a printable relative path. It is never used to open a file."""
    clean = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    parts = [part for part in PurePosixPath(clean).parts if part not in ("/", "//", "..", ".")]
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in "/".join(parts))[
        -LONGEST_LABEL:
    ]


def midi_members(source: Path, on_unpacked: Callable[[], None] | None = None) -> Iterator[MidiMember]:
    """Yield every MIDI file of a folder (recursively, sorted, with archives in subfolders) or of an archive.

    Archives directly in the folder are separate sources and skipped. ``on_unpacked`` is called every 16 MB of
    unpacked data. Raises ``CorpusError`` when ``source`` is neither folder, archive nor MIDI file.
    """
    if source.is_dir():
        yield from _from_folder(source, on_unpacked)
    elif not source.is_file():
        raise CorpusError(f"{source}: no such folder or archive")
    elif is_archive(source) or zipfile.is_zipfile(source):
        yield from _from_archive(source, on_unpacked)
    elif is_midi(source.name):
        yield _read(source, label(source.name))
    else:
        raise CorpusError(f"{source}: a corpus is a folder, a tar or a zip of MIDI files")


def _too_large(name: str, size: int | str) -> MidiMember:
    return MidiMember(name, None, "too large", f"{name}: a MIDI file has at most {FILE_SIZE_LIMIT} bytes, not {size}")


def _damaged(name: str, error: Exception) -> MidiMember:
    text = " ".join(str(error).split())[:120] or type(error).__name__
    return MidiMember(name, None, "damaged archive", f"{name}: damaged archive ({text})")


def _bomb(name: str, error: Exception) -> MidiMember:
    return MidiMember(name, None, "archive bomb", f"{name}: {error}")


def _read(path: Path, name: str) -> MidiMember:
    try:
        with path.open("rb") as handle:
            data = handle.read(FILE_SIZE_LIMIT + 1)
    except OSError as error:
        return MidiMember(name, None, "unreadable", f"{name}: cannot be read ({error.strerror})")
    return MidiMember(name, data) if len(data) <= FILE_SIZE_LIMIT else _too_large(name, path.stat().st_size)


def _from_folder(folder: Path, on_unpacked: Callable[[], None] | None) -> Iterator[MidiMember]:
    paths = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    for path in sorted(path for path in paths if is_midi(path.name) or is_archive(path)):
        name = label(path.relative_to(folder).as_posix())
        if path.is_symlink() or not path.is_file():
            continue
        if is_midi(path.name):
            yield _read(path, name)
        elif path.parent != folder:
            for member in _from_archive(path, on_unpacked):
                inner = name if member.name == path.name else f"{name}/{member.name}"
                yield MidiMember(inner, member.data, member.reason, member.detail)


def _from_archive(source: Path, on_unpacked: Callable[[], None] | None) -> Iterator[MidiMember]:
    """Yield the members before the first damage; the damage is a member of the archive's own name."""
    name = label(source.name)
    try:
        if zipfile.is_zipfile(source):
            yield from _from_zip(source, on_unpacked)
        else:
            yield from _from_tar(source, on_unpacked)
    except _BombError as error:
        yield _bomb(name, error)
    except _DAMAGE as error:
        yield _damaged(name, error)


class _CountingReader(io.RawIOBase):
    """A decompressed stream that counts its bytes. Raises ``_BombError`` above the limits."""

    def __init__(self, stream: BinaryIO, packed: int, on_unpacked: Callable[[], None] | None) -> None:
        super().__init__()
        self._stream, self._packed, self._on_unpacked = stream, packed, on_unpacked
        self._count = self._reported = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """As ``io.RawIOBase``; raises ``_BombError``."""
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self.add(len(data))
        return len(data)

    def add(self, count: int) -> None:
        """Count ``count`` more unpacked bytes."""
        self._count += count
        if self._count > min(UNPACKED_LIMIT, RATIO_FREE_BYTES + RATIO_LIMIT * self._packed):
            raise _BombError(f"unpacks to more than {self._count - count} bytes from {self._packed}")
        if self._on_unpacked and self._count - self._reported >= _REPORT_BYTES:
            self._reported = self._count
            self._on_unpacked()


def _unpacked(source: Path) -> BinaryIO:
    with source.open("rb") as handle:
        magic = handle.read(6)
    if magic[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.open(source))
    if magic[:3] == b"BZh":
        return cast("BinaryIO", bz2.open(source))
    return cast("BinaryIO", lzma.open(source)) if magic == b"\xfd7zXZ\0" else source.open("rb")


def _from_tar(source: Path, on_unpacked: Callable[[], None] | None) -> Iterator[MidiMember]:
    with _unpacked(source) as stream:
        counted = io.BufferedReader(_CountingReader(stream, source.stat().st_size, on_unpacked))
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            for count, member in enumerate(archive):
                if count >= MEMBER_LIMIT:
                    raise tarfile.ReadError(f"at most {MEMBER_LIMIT} members")
                archive.members = []  # type: ignore[attr-defined]  # a stream is read once; a million headers would stay in memory
                if member.isfile() and is_midi(member.name):
                    yield _tar_member(archive, member)
                elif member.isfile() and is_archive(Path(member.name)):
                    yield _nested(member.name)


def _nested(name: str) -> MidiMember:
    return MidiMember(label(name), None, "archive in an archive", f"{label(name)}: an archive inside an archive")


def _tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> MidiMember:
    name = label(member.name)
    if member.size > FILE_SIZE_LIMIT:
        return _too_large(name, member.size)
    handle = archive.extractfile(member)
    data = handle.read() if handle else b""
    if len(data) < member.size:
        raise EOFError(f"ends within {name}")
    return MidiMember(name, data)


def _from_zip(source: Path, on_unpacked: Callable[[], None] | None) -> Iterator[MidiMember]:
    with (
        zipfile.ZipFile(source) as archive,
        _CountingReader(io.BytesIO(), source.stat().st_size, on_unpacked) as counted,
    ):
        for info in archive.infolist()[:MEMBER_LIMIT]:
            if not info.is_dir() and is_midi(info.filename) and not _is_link(info):
                member = _zip_member(archive, info)
                counted.add(len(member.data or b""))
                yield member
            elif is_archive(Path(info.filename)):
                yield _nested(info.filename)


def _is_link(info: zipfile.ZipInfo) -> bool:
    return (info.external_attr >> 16) & 0o170000 == 0o120000


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> MidiMember:
    name = label(info.filename)
    if info.file_size > RATIO_FREE_BYTES + RATIO_LIMIT * info.compress_size:
        return _bomb(name, _BombError(f"unpacks to {info.file_size} bytes from {info.compress_size}"))
    if info.file_size > FILE_SIZE_LIMIT:
        return _too_large(name, info.file_size)
    try:
        # The stated size is not trusted: read the limit and one byte at most.
        with archive.open(info) as handle:
            data = handle.read(FILE_SIZE_LIMIT + 1)
    except _DAMAGE as error:
        return _damaged(name, error)
    return MidiMember(name, data) if len(data) <= FILE_SIZE_LIMIT else _too_large(name, "more")
