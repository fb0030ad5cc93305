"""Messages over a pipe: a JSON head and a body of bytes. No pickle, since the sender reads untrusted files."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

HEAD_LIMIT = 8 * 2**20
BODY_LIMIT = 64 * 2**20
_SIZES = struct.Struct(">II")

Frame = tuple[dict[str, Any], bytes]


class FrameError(Exception):
    """The pipe holds an incomplete or invalid message."""


def write_frame(stream: BinaryIO, head: dict[str, Any], body: bytes = b"") -> None:
    """Write one message."""
    text = json.dumps(head).encode("ascii")
    stream.write(_SIZES.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def read_frame(stream: BinaryIO) -> Frame | None:
    """Return the next message, ``None`` at the end. Raises ``FrameError`` for a broken or oversized one."""
    sizes = stream.read(_SIZES.size)
    if not sizes:
        return None
    if len(sizes) < _SIZES.size:
        raise FrameError("a message broke off")
    head_size, body_size = _SIZES.unpack(sizes)
    if head_size > HEAD_LIMIT or body_size > BODY_LIMIT:
        raise FrameError(f"a message has at most {HEAD_LIMIT} + {BODY_LIMIT} bytes, not {head_size} + {body_size}")
    text, body = stream.read(head_size), stream.read(body_size)
    if len(text) < head_size or len(body) < body_size:
        raise FrameError("a message broke off")
    try:
        head = json.loads(text)
    except ValueError as error:
        raise FrameError("a message's head is no JSON") from error
    if not isinstance(head, dict):
        raise FrameError("a message's head is a JSON object")
    return head, body
