"""Audio files: WAV, MP3 and OGG Vorbis from samples in memory."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from composer.audio.signal import SAMPLE_RATE, Audio, Progress, report
from composer.audio.tags import NO_TAGS, Tags, id3_tag, vorbis_comments

MP3_KBIT_PER_SECOND = 192
MP3_QUALITY = 7
"""LAME's quality, 0 (best, slowest) – 9. At 192 kbit/s 7 takes half the time of 3 and adds no noise (docs/sound.md)."""
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


def write_mp3(audio: Audio, path: Path, tags: Tags = NO_TAGS, progress: Progress = None) -> None:
    """Write ``audio`` (samples, 2) as MP3 of ``MP3_KBIT_PER_SECOND`` with an ID3 tag."""
    import lameenc

    encoder = lameenc.Encoder()
    encoder.set_bit_rate(MP3_KBIT_PER_SECOND)
    encoder.set_in_sample_rate(SAMPLE_RATE)
    encoder.set_channels(2)
    encoder.set_quality(MP3_QUALITY)
    encoder.silence()
    with path.open("wb") as file:
        file.write(id3_tag(tags))
        for done, block in enumerate(_blocks(audio), start=1):
            file.write(encoder.encode(pcm16(block).tobytes()))
            report(progress, done * _BLOCK / max(len(audio), 1))
        file.write(encoder.flush())


def write_ogg(audio: Audio, path: Path, tags: Tags = NO_TAGS, progress: Progress = None) -> None:
    """Write ``audio`` (samples, 2) as OGG Vorbis with Vorbis comments."""
    import soundfile

    encoded = io.BytesIO()
    with soundfile.SoundFile(
        encoded, "w", SAMPLE_RATE, 2, format="OGG", subtype="VORBIS", compression_level=1 - VORBIS_QUALITY
    ) as file:
        for done, block in enumerate(_blocks(audio), start=1):
            file.write(block)
            report(progress, done * _BLOCK / max(len(audio), 1))
    encoded.seek(0)
    _remux_ogg(encoded, path, vorbis_comments(tags))


def _remux_ogg(encoded: io.BytesIO, path: Path, comments: dict[str, str]) -> None:
    """Copy an OGG stream with ``comments``, of which libsndfile writes few; its serial number becomes a fixed one."""
    import av

    options = {"fflags": "+bitexact"}
    with av.open(encoded, "r") as source, av.open(str(path), "w", format="ogg", options=options) as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        stream.metadata.update(comments)
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)


def pcm16(audio: Audio) -> NDArray[np.int16]:
    """Return ``audio`` as little-endian 16-bit samples, rounded and clipped at full scale."""
    return np.asarray(np.clip(np.rint(audio * 32767.0), -32768, 32767), "<i2")


def _blocks(audio: Audio) -> Iterator[Audio]:
    """Yield ``audio`` a second at a time; one empty block for empty audio."""
    for begin in range(0, max(len(audio), 1), _BLOCK):
        yield audio[begin : begin + _BLOCK]
