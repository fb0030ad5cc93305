"""Audio files: WAV, MP3 and OGG Vorbis from samples in memory."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from composer.audio.signal import SAMPLE_RATE, Audio, Progress, report

MP3_KBIT_PER_SECOND = 192
MP3_QUALITY = 3
"""LAME's quality, 0 best and slowest … 9: the slower steps cannot be told from 3 in a blind test at 192 kbit/s."""
VORBIS_QUALITY = 0.5
"""libsndfile's scale 0–1, a tenth of oggenc's: about 160 kbit/s."""
_BLOCK = SAMPLE_RATE
"""Samples a write: libsndfile's Vorbis encoder overflows its stack on minutes of sound in one call."""


def write_wav(audio: Audio, path: Path) -> None:
    """Write ``audio`` (samples, 2) as 16-bit PCM WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for block in _blocks(audio):
            file.writeframes(pcm16(block).tobytes())


def write_mp3(audio: Audio, path: Path, *, title: str = "", artist: str = "", progress: Progress = None) -> None:
    """Write ``audio`` (samples, 2) as MP3 of ``MP3_KBIT_PER_SECOND``, with an ID3 tag if there is a text."""
    import lameenc

    encoder = lameenc.Encoder()
    encoder.set_bit_rate(MP3_KBIT_PER_SECOND)
    encoder.set_in_sample_rate(SAMPLE_RATE)
    encoder.set_channels(2)
    encoder.set_quality(MP3_QUALITY)
    encoder.silence()
    with path.open("wb") as file:
        file.write(id3_tag({"TIT2": title, "TPE1": artist}))
        for done, block in enumerate(_blocks(audio), start=1):
            file.write(encoder.encode(pcm16(block).tobytes()))
            report(progress, done * _BLOCK / max(len(audio), 1))
        file.write(encoder.flush())


def write_ogg(audio: Audio, path: Path, *, title: str = "", artist: str = "", progress: Progress = None) -> None:
    """Write ``audio`` (samples, 2) as OGG Vorbis, with comments if there is a text."""
    import soundfile

    with soundfile.SoundFile(
        path, "w", SAMPLE_RATE, 2, format="OGG", subtype="VORBIS", compression_level=1 - VORBIS_QUALITY
    ) as file:
        for name, text in (("title", title), ("artist", artist)):
            if text:
                setattr(file, name, text)
        for done, block in enumerate(_blocks(audio), start=1):
            file.write(block)
            report(progress, done * _BLOCK / max(len(audio), 1))


def pcm16(audio: Audio) -> NDArray[np.int16]:
    """Return ``audio`` as little-endian 16-bit samples, rounded and clipped at full scale."""
    return np.asarray(np.clip(np.rint(audio * 32767.0), -32768, 32767), "<i2")


def id3_tag(texts: dict[str, str]) -> bytes:
    """Return an ID3v2.3 tag of the text frames ``texts`` (frame id → text); empty if all texts are empty."""
    frames = b"".join(_id3_text_frame(name, text) for name, text in texts.items() if text)
    return b"ID3\x03\x00\x00" + _syncsafe(len(frames)) + frames if frames else b""


def _id3_text_frame(name: str, text: str) -> bytes:
    body = b"\x01" + text.encode("utf-16", errors="replace")
    return name.encode("ascii") + len(body).to_bytes(4, "big") + b"\x00\x00" + body


def _syncsafe(size: int) -> bytes:
    """Return ``size`` in four bytes of seven bits, so that no tag contains an MPEG sync word."""
    return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))


def _blocks(audio: Audio) -> Iterator[Audio]:
    """Yield ``audio`` a second at a time; one empty block for empty audio."""
    for begin in range(0, max(len(audio), 1), _BLOCK):
        yield audio[begin : begin + _BLOCK]
