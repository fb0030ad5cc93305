"""Disk cache of decoded SF3 recordings, one memory-mapped file each, named by the digest of the compressed bytes.

Decoding a recording takes longer than playing it; all processes of a machine share the mapped pages.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from midi_data.atomic import atomic_path

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of decoded recordings: ``riffbird/samples`` in the user's cache (XDG base directories)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "riffbird" / "samples"


@lru_cache(maxsize=256)
def decoded_samples(vorbis: bytes) -> NDArray[np.int16]:
    """Return the recording in the Ogg Vorbis stream ``vorbis``: (samples,), read only.

    Raises `RefusedError` for a stream that cannot be decoded. Where the cache folder cannot be written to, recordings
    stay in memory.
    """
    path = cache_folder() / f"{hashlib.sha256(vorbis).hexdigest()}.npy"
    if (cached := _mapped(path)) is not None:
        return cached
    samples = _decode(vorbis)
    try:
        _store(path, samples)
    except OSError as error:
        _log.warning("decoded samples cannot be cached at %s: %s", path.parent, error.strerror or error)
        return samples
    cached = _mapped(path)
    return samples if cached is None else cached


def _mapped(path: Path) -> NDArray[np.int16] | None:
    """Return the cached recording at ``path``, or None if there is none that can be read."""
    try:
        samples = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return samples if samples.dtype == np.int16 and samples.ndim == 1 else None


def _decode(vorbis: bytes) -> NDArray[np.int16]:
    import soundfile

    from composer.errors import RefusedError

    try:
        samples, _ = soundfile.read(io.BytesIO(vorbis), dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise RefusedError(f"the soundfont has a recording that is not Ogg Vorbis: {error}") from error
    mono: NDArray[np.int16] = np.ascontiguousarray(samples[:, 0])
    return mono


def _store(path: Path, samples: NDArray[np.int16]) -> None:
    """Write ``samples`` to ``path`` by a rename, so that no process maps half a file."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, samples, allow_pickle=False)
