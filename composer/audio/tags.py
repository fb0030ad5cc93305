"""What a song's files say about it: the same tags in MP3 (ID3v2.3), OGG (Vorbis comments) and MP4 (iTunes atoms)."""

from __future__ import annotations

import base64
import os
import struct
from dataclasses import dataclass

ARTIST = "Riffbird"
LINK_VARIABLE = "RIFFBIRD_PUBLIC_URL"
"""Environment variable with the address that tags link to."""
_FRONT_COVER = 3
_UTF16 = b"\x01"


@dataclass(frozen=True, slots=True)
class Tags:
    """Facts about a song; an empty text, 0 or ``None`` is left out. ``cover``: a JPEG file."""

    title: str = ""
    artist: str = ARTIST
    genre: str = ""
    bpm: float = 0.0
    key: str = ""
    seed: int | None = None
    link: str = ""
    cover: bytes = b""

    @property
    def comment(self) -> str:
        """The facts that not every format has a field for, on one line."""
        facts = (
            self.key and f"key {self.key}",
            f"{self.bpm:g} BPM" if self.bpm else "",
            "" if self.seed is None else f"seed {self.seed}",
            self.link,
        )
        return " · ".join(fact for fact in facts if fact)


NO_TAGS = Tags(artist="")


def default_link() -> str:
    """Return the address that tags link to: that of the running service, or nothing."""
    return os.environ.get(LINK_VARIABLE, "")


def id3_tag(tags: Tags) -> bytes:
    """Return an ID3v2.3 tag, empty if there is nothing to say."""
    texts = {
        "TIT2": tags.title,
        "TPE1": tags.artist,
        "TCON": tags.genre,
        "TBPM": f"{tags.bpm:.0f}" if tags.bpm else "",
        "TKEY": _id3_key(tags.key),
    }
    frames = [_id3_frame(name, _UTF16 + _utf16(text)) for name, text in texts.items() if text]
    if tags.seed is not None:
        frames.append(_id3_frame("TXXX", _UTF16 + _utf16("SEED") + b"\0\0" + _utf16(str(tags.seed))))
    if tags.comment:
        frames.append(_id3_frame("COMM", _UTF16 + b"eng" + _utf16("") + b"\0\0" + _utf16(tags.comment)))
    if tags.link:
        frames.append(_id3_frame("WOAR", tags.link.encode("latin-1", "replace")))
    if tags.cover:
        frames.append(_id3_frame("APIC", b"\0image/jpeg\0" + bytes((_FRONT_COVER,)) + b"\0" + tags.cover))
    body = b"".join(frames)
    return b"ID3\x03\x00\x00" + _syncsafe(len(body)) + body if frames else b""


def vorbis_comments(tags: Tags) -> dict[str, str]:
    """Return the tags as Vorbis comments; the cover as a FLAC picture block in base64."""
    comments = {
        "TITLE": tags.title,
        "ARTIST": tags.artist,
        "GENRE": tags.genre,
        "BPM": f"{tags.bpm:g}" if tags.bpm else "",
        "KEY": tags.key,
        "SEED": "" if tags.seed is None else str(tags.seed),
        "CONTACT": tags.link,
        "COMMENT": tags.comment,
        "METADATA_BLOCK_PICTURE": base64.b64encode(_flac_picture(tags.cover)).decode() if tags.cover else "",
    }
    return {name: text for name, text in comments.items() if text}


def mp4_metadata(tags: Tags) -> dict[str, str]:
    """Return the tags as FFmpeg's names of MP4 atoms; key, seed and link have no atom and stand in the comment."""
    metadata = {
        "title": tags.title,
        "artist": tags.artist,
        "genre": tags.genre,
        "tmpo": f"{tags.bpm:.0f}" if tags.bpm else "",
        "comment": tags.comment,
    }
    return {name: text for name, text in metadata.items() if text}


def _utf16(text: str) -> bytes:
    return text.encode("utf-16", errors="replace")


def _id3_key(key: str) -> str:
    """Return ``key`` ("A minor") as ID3 writes it ("Am")."""
    tonic, _, mode = key.partition(" ")
    return f"{tonic}m" if mode == "minor" else tonic if mode == "major" else ""


def _id3_frame(name: str, body: bytes) -> bytes:
    return name.encode("ascii") + len(body).to_bytes(4, "big") + b"\x00\x00" + body


def _syncsafe(size: int) -> bytes:
    """Return ``size`` in four bytes of seven bits, so that no tag contains an MPEG sync word."""
    return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))


def _flac_picture(jpeg: bytes) -> bytes:
    """Return a FLAC picture block; width, height and depth 0 mean unknown."""
    kind = b"image/jpeg"
    head = struct.pack(">II", _FRONT_COVER, len(kind)) + kind
    return head + struct.pack(">IIIIII", 0, 0, 0, 0, 0, len(jpeg)) + jpeg
