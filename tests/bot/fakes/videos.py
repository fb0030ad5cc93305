"""Real, tiny songs for tests about posting rather than music: an mp4 that plays, marked with its genre and tempo.

`performer` stands in for the composer, so that hundreds of songs take seconds; nothing here is composed by a model.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import mido
import numpy as np

from composer.request import ComposeRequest
from composer.result import PartFacts, Rendition, Timings

SECONDS = 0.6
RATE = 44_100


@dataclass(frozen=True)
class Played:
    """What a network's player finds in an uploaded file."""

    genre: str
    tempo_bpm: float
    video_codec: str
    pixel_format: str
    audio_codec: str
    seconds: float


def performer(
    request: ComposeRequest, folder: Path, formats: list[str], *, progress: Callable[..., None], **_: object
) -> Rendition:
    """As `composer.pipeline.compose`, but a stand-in: a real MIDI file and a real video of half a second."""
    progress("composing", 0.0)
    genre, tempo = "+".join(request.genres), request.tempo_bpm or 120.0
    files = {"mid": folder / "song.mid"}
    _midi(tempo).save(files["mid"])
    for kind in formats:
        if kind in ("mp4", "mp3", "ogg"):
            files[kind] = folder / f"song.{kind}"
            files[kind].write_bytes(media(kind, genre, tempo))
    progress("rendering", 1.0)
    return Rendition(
        title=request.title, genre=genre, tempo_bpm=tempo, randomness=request.randomness, sampling=request.sampling,
        seed=request.seed or 0, key="C major", duration_seconds=SECONDS, bars=1, notes=4,
        parts=[
            PartFacts(name="Piano", program=0, is_drum=False, notes=4),
            PartFacts(name="Acoustic Bass", program=32, is_drum=False, notes=4),
        ],
        files=files, checkpoint="stand-in",
        timings_seconds=Timings(total=0.01),
    )  # fmt: skip


def refusing(*_: object, **__: object) -> Rendition:
    from composer.errors import RefusedError

    raise RefusedError("a kazoo is not in this band")


def buggy(*_: object, **__: object) -> Rendition:
    raise ZeroDivisionError("a bug in the band")


@functools.lru_cache(maxsize=512)
def media(kind: str, genre: str, tempo: float) -> bytes:
    """The bytes of a playable file that carries its genre and tempo as a comment."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format={"mp4": "mp4", "mp3": "mp3", "ogg": "ogg"}[kind]) as container:
        container.metadata["comment"] = f"{genre}|{tempo:g}"
        codec = {"mp4": "aac", "mp3": "libmp3lame", "ogg": "libopus"}[kind]
        picture = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"}) if kind == "mp4" else None
        sound = container.add_stream(codec, rate=48_000 if kind == "ogg" else RATE)
        sound.layout = "stereo"
        if picture is not None:
            _video(container, picture)
        _audio(container, sound)
    return buffer.getvalue()


def _video(container: av.container.OutputContainer, stream: av.VideoStream) -> None:
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    for index in range(6):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index * 40, dtype=np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _audio(container: av.container.OutputContainer, stream: av.AudioStream) -> None:
    rate = stream.rate
    times = np.arange(int(SECONDS * rate)) / rate
    tone = np.repeat((0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[None], 2, axis=0)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone), format="fltp", layout="stereo")
    frame.rate, frame.pts = rate, 0
    resampler = av.AudioResampler(
        format=stream.format, layout="stereo", rate=rate, frame_size=stream.frame_size or 1024
    )
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode())


def _midi(tempo: float) -> mido.MidiFile:
    midi = mido.MidiFile(ticks_per_beat=24)
    track = mido.MidiTrack()
    midi.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
    for pitch in (60, 64, 67, 72):
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=24))
    return midi


@functools.lru_cache(maxsize=1024)
def play(content: bytes) -> Played:
    """Decode every frame, as a player would; raises where there is nothing to play."""
    with av.open(io.BytesIO(content)) as container:
        notes = container.metadata | container.streams.audio[0].metadata
        genre, _, tempo = notes.get("comment", "|0").partition("|")
        video = container.streams.video[0] if container.streams.video else None
        audio = container.streams.audio[0]
        names = (video.codec_context.name, video.pix_fmt) if video else ("", "")
        codec = audio.codec_context.name
        frames = sum(1 for packet in container.demux() for _ in packet.decode())
        assert frames > 2, "a song has more than two frames"
        seconds = (container.duration or 0) / av.time_base
    return Played(genre, float(tempo or 0), names[0], names[1], codec, seconds)
