"""Where finished songs are kept: one folder a song under any fsspec URL (a local folder, ``s3://…``, ``memory://``).

A training has a folder there too, for an uploaded archive and its checkpoint. Knows names and bytes. Does not know what
is in the files, who asked for them or when they expire.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
FILE_NAME = re.compile(r"[a-z]{1,16}\.[a-z0-9]{1,12}")
CHUNK_BYTES = 256 * 1024


class Media:
    """A store of songs' files. Names are checked, so that none can leave its folder."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        found = url_to_fs(url)
        self.filesystem: Any = found[0]
        self.root = str(found[1]).rstrip("/")

    def put(self, job_id: str, files: Mapping[str, Path]) -> None:
        """Store local ``files`` (name in the store → path here)."""
        folder = self._folder(job_id)
        self.filesystem.makedirs(folder, exist_ok=True)
        for name, path in files.items():
            self.filesystem.put_file(str(path), self._path(job_id, name))

    def size(self, job_id: str, name: str) -> int | None:
        """Bytes of a file; ``None`` if there is none."""
        path = self._path(job_id, name)
        try:
            return int(self.filesystem.size(path))
        except FileNotFoundError:
            return None

    def read(self, job_id: str, name: str, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes ``begin`` to ``end`` (exclusive) of a file, in chunks. Raises ``FileNotFoundError``."""
        with self.filesystem.open(self._path(job_id, name), "rb") as handle:
            handle.seek(begin)
            left = None if end is None else end - begin
            while chunk := handle.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)):
                left = None if left is None else left - len(chunk)
                yield cast("bytes", chunk)

    def fetch(self, job_id: str, name: str, folder: Path) -> Path:
        """A copy of a file in the local ``folder``, for what needs a path (an upload). Raises ``FileNotFoundError``."""
        local = folder / name
        self.filesystem.get_file(self._path(job_id, name), str(local))
        return local

    def remove_file(self, job_id: str, name: str) -> None:
        """Delete one file, if it is there."""
        path = self._path(job_id, name)
        if self.filesystem.exists(path):
            self.filesystem.rm_file(path)

    def remove(self, job_id: str) -> None:
        """Delete all files of a song, if there are any."""
        if self.filesystem.exists(self._folder(job_id)):
            self.filesystem.rm(self._folder(job_id), recursive=True)

    def _folder(self, job_id: str) -> str:
        if not JOB_ID.fullmatch(job_id):
            raise ValueError(f"a job id is 1-128 letters, digits, - and _, not {job_id[:200]!r}")
        return f"{self.root}/{job_id}"

    def _path(self, job_id: str, name: str) -> str:
        if not FILE_NAME.fullmatch(name):
            raise ValueError(f"a file is named like song.mp3, not {name[:200]!r}")
        return f"{self._folder(job_id)}/{name}"
