"""The MIME type of each file format, as IANA names it; the system's own table differs between machines."""

from __future__ import annotations

from composer.request import Format

MIME_TYPES: dict[Format, str] = {
    "mid": "audio/midi",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "png": "image/png",
    "mp4": "video/mp4",
    "stems": "application/zip",
    "musicxml": "application/vnd.recordare.musicxml+xml",
}
