"""Files of songs and trainings: a folder for each under any fsspec URL (a local folder, ``s3://…``, ``memory://``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
FILE_NAME = re.compile(r"[a-z]{1,16}\.[a-z0-9]{1,12}")
SONG_FILES = re.compile(r"song\.[a-z0-9]{1,12}|notes\.json")
CHUNK_BYTES = 256 * 1024


class Media:
    """A file store. Ids and names are checked, so that none leaves its folder."""

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

    def write(self, job_id: str, name: str, data: bytes) -> None:
        """Store ``data`` as a file, in one piece: readers see the old file or the new one."""
        self.filesystem.makedirs(self._folder(job_id), exist_ok=True)
        self.filesystem.pipe_file(path := self._path(job_id, f"new.{name.rpartition('.')[2]}"), data)
        self.filesystem.mv(path, self._path(job_id, name))

    def ids(self) -> Iterator[str]:
        """The ids that have a folder."""
        if not self.filesystem.exists(self.root):
            return
        for entry in self.filesystem.ls(self.root, detail=False):
            name = str(entry).rstrip("/").rpartition("/")[2]
            if JOB_ID.fullmatch(name):
                yield name

    def is_unfinished_song(self, job_id: str) -> bool:
        """Whether the folder holds only files that a worker stores before a song's facts."""
        names = (str(entry).rpartition("/")[2] for entry in self.filesystem.ls(self._folder(job_id), detail=False))
        return all(SONG_FILES.fullmatch(name) for name in names)

    def changed_at(self, job_id: str) -> float:
        """Unix seconds of the newest file of a folder; 0 for an empty one."""
        paths = self.filesystem.ls(self._folder(job_id), detail=False)
        return max((self.filesystem.modified(path).timestamp() for path in paths), default=0.0)

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

    def open(self, job_id: str, name: str) -> Any:
        """A file, opened for reading in binary, with seeking. Raises ``FileNotFoundError``."""
        return self.filesystem.open(self._path(job_id, name), "rb")

    def fetch(self, job_id: str, name: str, folder: Path) -> Path:
        """Copy a file to the local ``folder``, for what needs a path (an upload). Raises ``FileNotFoundError``."""
        local = folder / name
        self.filesystem.get_file(self._path(job_id, name), str(local))
        return local

    def remove_file(self, job_id: str, name: str) -> None:
        """Delete one file, if it exists."""
        path = self._path(job_id, name)
        if self.filesystem.exists(path):
            self.filesystem.rm_file(path)

    def remove(self, job_id: str) -> None:
        """Delete the folder of an id, if it exists."""
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
