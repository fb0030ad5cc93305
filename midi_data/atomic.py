"""Files that are complete or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path, mode: int = 0o644, *, make_folder: bool = True) -> Iterator[Path]:
    """A temporary file beside ``path`` that replaces it when the block succeeds, and is removed when it raises.

    The name is unique, so writers of the same ``path`` do not disturb one another: the last one wins. ``mode``: the
    file's permissions, less the umask. Raises ``OSError`` when the folder cannot be written to, or without
    ``make_folder`` does not exist.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    # The only way to read it is to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
