"""The video file: H.264 High and AAC-LC in MP4.

X asks for yuv420p, progressive, closed groups of pictures, square pixels, 0.5–140 s, up to 1280×1024 and 60 frames a
second (docs.x.com, media upload best practices).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from composer.audio.effects import fade_out
from composer.audio.mix import sound_samples
from composer.audio.signal import SAMPLE_RATE, Audio, Progress, report
from composer.audio.tags import NO_TAGS, Tags, mp4_metadata
from composer.video.animation import SIZE, Animation
from composer.video.hints import ChangeHint
from midi_data.song import Song

FRAMES_PER_SECOND = 30
MAX_SECONDS = 139.5
"""X refuses videos over 140 s; half a second is left for the last frame and the encoders' padding."""
AUDIO_BITS_PER_SECOND = 256_000
_CUT_FADE_SECONDS = 1.5
# Nearly still pictures: the fastest preset at a constant quantiser is a third faster than with rate control and takes
# 2 MB a minute. 8x8dct makes the stream High profile; without CABAC it is a twelfth faster and a tenth larger.
# mb_info makes libx264 read `ChangeHint`s.
_X264 = {
    "preset": "ultrafast",
    "qp": "20",
    "profile": "high",
    "mb_info": "1",
    "x264-params": f"8x8dct=1:cabac=0:open-gop=0:keyint={2 * FRAMES_PER_SECOND}",
}
# FFmpeg's default coder takes twice the time; it, noise substitution and intensity stereo sometimes decode to peaks
# several dB above the input. With these options, at 256 kbit/s, the most in 56 songs was 0.8 dB.
_AAC = {"aac_coder": "fast", "aac_pns": "0", "aac_is": "0"}
_BT709, _LIMITED_RANGE = 1, 1
# A delay of 0 makes the muxer hold pictures, 4 MB a minute, until it has the sound to lay beside them.
_MP4 = {"movflags": "+faststart", "max_interleave_delta": "0"}


def write_video(
    song: Song,
    sound: Callable[[], Audio],
    path: Path,
    tags: Tags = NO_TAGS,
    *,
    subtitle: str = "",
    progress: Progress = None,
) -> None:
    """Write ``song`` with its sound as MP4, as long as the sound but at most 139.5 s.

    ``sound`` returns the master (samples, 2), ``sound_samples(song)`` long. It is called in another thread, so pictures
    are encoded while it waits for the mix.
    """
    seconds = min(sound_samples(song) / SAMPLE_RATE, MAX_SECONDS)
    count = max(1, round(seconds * FRAMES_PER_SECOND))
    with av.open(str(path), "w", format="mp4", options=_MP4) as container:
        container.metadata.update(mp4_metadata(tags))
        picture, sound_stream = _picture_stream(container), _sound_stream(container)
        cover = _cover_packet(container, tags.cover) if tags.cover else None
        # Opens both encoders; from here on each is used by one thread.
        container.start_encoding()
        if cover is not None:
            container.mux(cover)
        with _in_background(_sound_packets(sound_stream, sound)) as pending:
            for index, frame in enumerate(_hinted_frames(Animation(song, tags.title, subtitle), count)):
                frame.pts, frame.time_base = index, Fraction(1, FRAMES_PER_SECOND)
                container.mux(picture.encode(frame))
                if index % FRAMES_PER_SECOND == 0:
                    report(progress, index / count)
            container.mux(picture.encode(None))
            container.mux(list(pending))


def _hinted_frames(animation: Animation, count: int) -> Iterator[av.VideoFrame]:
    """Yield ``count`` frames, each with the areas that differ from the one before."""
    canvas, hint = None, None
    for image in animation.frames(count, FRAMES_PER_SECOND):
        if hint is None or image is not canvas:
            canvas, hint = image, ChangeHint(image.frame)
        hint.set(image.take_changes())
        yield image.frame


@contextmanager
def _in_background(packets: Iterator[Any]) -> Iterator[Iterator[Any]]:
    """Encode ``packets`` in a thread: FFmpeg releases the interpreter lock while it encodes."""
    done: SimpleQueue[Any] = SimpleQueue()

    def encode() -> None:
        try:
            for packet in packets:
                done.put(packet)
        finally:
            done.put(None)

    with ThreadPoolExecutor(1, "sound") as pool:
        encoding = pool.submit(encode)
        yield iter(done.get, None)
        encoding.result()


def _picture_stream(container: Any) -> Any:
    stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=_X264)
    stream.width, stream.height = SIZE
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.sample_aspect_ratio = Fraction(1)
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED_RANGE
    # Sound is made on a second core meanwhile; more threads cost a twelfth more processor time.
    context.thread_count = 1
    return stream


def _sound_stream(container: Any) -> Any:
    stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", options=_AAC)
    stream.bit_rate = AUDIO_BITS_PER_SECOND
    return stream


def _cover_packet(container: Any, jpeg: bytes) -> Any:
    """Add ``jpeg`` as the file's cover, an attached picture and no track, and return its packet."""
    with av.open(io.BytesIO(jpeg), "r") as source:
        stream = container.add_stream_from_template(source.streams.video[0])
        stream.disposition = Disposition.attached_pic
        packet = next(packet for packet in source.demux(video=0) if packet.size)
    packet.stream = stream
    return packet


def _sound_packets(stream: Any, sound: Callable[[], Audio]) -> Iterator[Any]:
    """Yield the encoded packets of ``sound``, faded out where it is longer than the picture may be."""
    audio = sound()
    if len(audio) > MAX_SECONDS * SAMPLE_RATE:
        audio = fade_out(audio[: round(MAX_SECONDS * SAMPLE_RATE)], _CUT_FADE_SECONDS)
    for begin in range(0, len(audio), SAMPLE_RATE):
        block = np.ascontiguousarray(audio[begin : begin + SAMPLE_RATE].T)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, begin, Fraction(1, SAMPLE_RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)
