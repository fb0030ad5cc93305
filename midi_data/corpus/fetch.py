"""Download a collection of MIDI named in ``sources.toml``, or any archive by address. The archive is not trusted."""

from __future__ import annotations

import tomllib
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO
from urllib.error import URLError

from midi_data.errors import CorpusError

ARCHIVE_SIZE_LIMIT = 2 * 2**30
TIMEOUT_SECONDS = 30
_PIECE = 1 << 16

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes so far and in all (``None``: not told)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One public collection: where it is, its genre, and its licence as stated there."""

    name: str
    genre: str
    url: str
    licence: str


def known_sources() -> dict[str, Source]:
    """The collections in ``sources.toml`` by name."""
    table = tomllib.loads((files("midi_data.corpus") / "sources.toml").read_text(encoding="utf-8"))
    return {name: Source(name, **facts) for name, facts in table.items()}


def fetch(source: Source, folder: Path, on_bytes: OnBytes | None = None) -> Path:
    """Download into ``folder``, whole or not at all; an archive that is there already is kept. Returns its path.

    Raises ``CorpusError`` when it cannot be had or is larger than ``ARCHIVE_SIZE_LIMIT``.
    """
    if not source.url.startswith(("https://", "http://127.0.0.1")):
        raise CorpusError(f"{source.url}: a corpus is fetched over https")
    path = folder / f"{source.name}.tar.gz"
    if path.exists():
        return path
    temporary = folder / f".{path.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(source.url, timeout=TIMEOUT_SECONDS) as answer, temporary.open("wb") as out:  # noqa: S310  https only
            _copy(answer, out, source, on_bytes)
        temporary.replace(path)
    except (URLError, OSError) as error:
        raise CorpusError(f"{source.url}: cannot be fetched ({getattr(error, 'reason', error)})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _copy(answer: HTTPResponse, out: BinaryIO, source: Source, on_bytes: OnBytes | None) -> None:
    length = answer.headers.get("Content-Length")
    whole = int(length) if length and length.isdigit() else None
    got = 0
    while piece := answer.read(_PIECE):
        got += len(piece)
        if got > ARCHIVE_SIZE_LIMIT:
            raise CorpusError(f"{source.url}: an archive has at most {ARCHIVE_SIZE_LIMIT} bytes")
        out.write(piece)
        if on_bytes:
            on_bytes(got, whole)
