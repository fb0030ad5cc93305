"""Download a collection of MIDI named in ``sources.toml``, or any archive by address. The archive is not trusted."""

from __future__ import annotations

import hashlib
import tomllib
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from importlib.resources import files
from pathlib import Path
from typing import IO, BinaryIO
from urllib.error import URLError
from urllib.request import Request

from midi_data.atomic import atomic_path
from midi_data.errors import CorpusError

ARCHIVE_SIZE_LIMIT = 2 * 2**30
TIMEOUT_SECONDS = 30
SAFE_ADDRESSES = ("https://", "http://127.0.0.1:")
"""Beginnings of addresses that are fetched, and followed when redirected; loopback is for tests."""
_BLOCK_BYTES = 1 << 16

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes received and the total (``None``: unknown)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A public collection: its address, genre, licence as stated there, and SHA-256 (empty: not checked)."""

    name: str
    genre: str
    url: str
    licence: str
    sha256: str = ""


def known_sources() -> dict[str, Source]:
    """The collections in ``sources.toml`` by name."""
    table = tomllib.loads((files("midi_data.corpus") / "sources.toml").read_text(encoding="utf-8"))
    return {name: Source(name, **facts) for name, facts in table.items()}


def fetch(source: Source, folder: Path, on_bytes: OnBytes | None = None) -> Path:
    """Download into ``folder``, complete or not at all, and return the path. An existing archive is kept.

    Raises ``CorpusError`` when it cannot be fetched, is larger than ``ARCHIVE_SIZE_LIMIT`` or has another digest.
    """
    _check_address(source.url)
    path = folder / f"{source.name}.tar.gz"
    if path.exists():
        with path.open("rb") as file:
            _check_digest(source, hashlib.file_digest(file, "sha256").hexdigest())
        return path
    opener = urllib.request.build_opener(_CheckedRedirects)
    try:
        with (
            atomic_path(path) as temporary,
            opener.open(source.url, timeout=TIMEOUT_SECONDS) as answer,
            temporary.open("wb") as out,
        ):
            _check_digest(source, _copy(answer, out, source, on_bytes))
    except (URLError, OSError) as error:
        raise CorpusError(f"{source.url}: cannot be fetched ({getattr(error, 'reason', error)})") from error
    return path


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to safe addresses only: never from https to http."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """As the base class. Raises ``CorpusError`` for an address that is not fetched."""
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str) -> None:
    if not url.startswith(SAFE_ADDRESSES):
        raise CorpusError(f"{url}: a corpus is fetched over https")


def _check_digest(source: Source, digest: str) -> None:
    if source.sha256 and digest != source.sha256:
        raise CorpusError(f"{source.url}: the archive's SHA-256 must be {source.sha256}, is {digest}")


def _copy(answer: HTTPResponse, out: BinaryIO, source: Source, on_bytes: OnBytes | None) -> str:
    """Copy the answer's body to ``out``; returns its SHA-256."""
    length = answer.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    received, digest = 0, hashlib.sha256()
    while block := answer.read(_BLOCK_BYTES):
        received += len(block)
        if received > ARCHIVE_SIZE_LIMIT:
            raise CorpusError(f"{source.url}: an archive has at most {ARCHIVE_SIZE_LIMIT} bytes")
        out.write(block)
        digest.update(block)
        if on_bytes:
            on_bytes(received, total)
    if total is not None and received != total:
        raise CorpusError(f"{source.url}: {received} of {total} bytes arrived")
    return digest.hexdigest()
