"""Uploaded archives: streamed to disk within a limit, recognised by their first bytes.

Nothing is unpacked here; the training process reads the archive in its sandbox.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import anyio
from fastapi import HTTPException, Request

TYPES = ("application/zip", "application/gzip", "application/x-tar", "application/x-xz", "application/octet-stream")
TAR = "corpus.tar"
"""The name of a compressed tar too: the reader recognises compression by the bytes."""
MAGIC = ((b"PK\x03\x04", "corpus.zip"), (b"\x1f\x8b", TAR), (b"\xfd7zXZ\x00", TAR), (b"BZh", TAR))
USTAR_AT, USTAR = 257, b"ustar"


async def receive(request: Request, path: Path, limit_bytes: int) -> bytes:
    """Write the request's body to ``path``; its SHA-256. Raises 413 as soon as it is too long."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit_bytes:
        raise _too_long(limit_bytes)
    size, digest = 0, hashlib.sha256()
    async with await anyio.open_file(path, "wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise _too_long(limit_bytes)
            digest.update(chunk)
            await file.write(chunk)
    return digest.digest()


async def receive_text(request: Request, limit_bytes: int) -> bytes:
    """A small body, read at once. Raises 413."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise _too_long(limit_bytes)
    return body


def name_of(path: Path) -> str:
    """The archive's name in the media store. Raises 422 for another kind of file."""
    with path.open("rb") as file:
        head = file.read(USTAR_AT + len(USTAR))
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    if head[USTAR_AT:] == USTAR:
        return TAR
    raise HTTPException(422, "an upload is a zip or a tar (also gzip, xz or bzip2) of MIDI files, and this is neither")


def _too_long(limit_bytes: int) -> HTTPException:
    return HTTPException(413, f"a request body has at most {limit_bytes} bytes here", {"Connection": "close"})
