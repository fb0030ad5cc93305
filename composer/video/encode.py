"""The video file: H.264 High and AAC-LC in MP4.

X asks for yuv420p, progressive, closed groups of pictures, square pixels, 0.5–140 s, up to 1280×1024 and 60 frames a
second (docs.x.com, media upload best practices).
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.stream import Disposition
from av.video.frame import PictureType

from composer.audio.effects import fade_out
from composer.audio.mix import sound_samples
from composer.audio.signal import SAMPLE_RATE, Audio, Progress, report
from composer.audio.tags import NO_TAGS, Tags, mp4_metadata
from composer.video.animation import SIZE, Animation, Piece
from composer.video.hints import ChangeHint
from composer.video.yuv import YuvFrame
from midi_data.song import Song

FRAMES_PER_SECOND = 30
MAX_SECONDS = 139.5
"""X refuses videos over 140 s; half a second is left for the last frame and the encoders' padding."""
AUDIO_BITS_PER_SECOND = 256_000
_CUT_FADE_SECONDS = 1.5
_LONGEST_GROUP = 2 * FRAMES_PER_SECOND
# Nearly still pictures: the fastest preset at a constant quantiser is a third faster than with rate control and takes
# 2 MB a minute. 8x8dct makes the stream High profile; without CABAC it is a twelfth faster and a tenth larger.
# mb_info makes libx264 read `ChangeHint`s.
_X264 = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "qp": "20",
    "profile": "high",
    "mb_info": "1",
    "x264-params": f"8x8dct=1:cabac=0:open-gop=0:keyint={_LONGEST_GROUP}",
}
# FFmpeg's default coder takes twice the time; it, noise substitution and intensity stereo sometimes decode to peaks
# several dB above the input. With these options, at 256 kbit/s, the most in 56 songs was 0.8 dB. Temporal noise shaping
# and middle/side stereo take a third of the time, and no noise that they save could be heard (docs/sound.md).
_AAC = {"aac_coder": "fast", "aac_pns": "0", "aac_is": "0", "aac_tns": "0", "aac_ms": "0"}
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
        with ThreadPoolExecutor(2, "video") as pool:
            film = _Film(Animation(song, tags.title, subtitle), count, pool, progress)
            with _in_background(_sound_packets(sound_stream, partial(film.speed_up_after, sound))) as pending:
                for packet in film.packets(picture.codec_context):
                    packet.stream = picture
                    container.mux(packet)
                container.mux(list(pending))


class _Film:
    """The encoded pictures of an animation. Pages begin with a key frame, so they are encoded side by side."""

    def __init__(self, animation: Animation, count: int, pool: ThreadPoolExecutor, progress: Progress) -> None:
        self._animation, self._count, self._pool, self._progress = animation, count, pool, progress
        pieces = animation.pieces(count, FRAMES_PER_SECOND)
        self._pages: list[Future[list[Any]]] = [Future() for _ in pieces]
        self._waiting = deque(zip(pieces, self._pages, strict=True))
        self._lock, self._encoded = Lock(), 0

    def packets(self, encoder: Any) -> Iterator[Any]:
        """Yield the packets of all pictures in order; those that wait for their turn take 4 MB a minute."""
        self._pool.submit(self._encode_waiting, encoder)
        try:
            for page in self._pages:
                yield from page.result()
        finally:
            self._waiting.clear()

    def speed_up_after(self, sound: Callable[[], Audio]) -> Audio:
        """Return ``sound()``, and encode two pages at a time from then on.

        While the sound is mixed, the second core is busy and the memory of a second page (50 MB) is not free.
        """
        audio = sound()
        self._pool.submit(self._encode_waiting, _picture_encoder())
        return audio

    def _encode_waiting(self, encoder: Any) -> None:
        """Encode pages until none waits."""
        while (waiting := self._next_page()) is not None:
            piece, page = waiting
            try:
                page.set_result(self._encode(piece, encoder))
            except Exception as error:  # noqa: BLE001  (raised where the packets are awaited)
                page.set_exception(error)

    def _next_page(self) -> tuple[Piece, Future[list[Any]]] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _encode(self, piece: Piece, encoder: Any) -> list[Any]:
        """Return the packets of one page: one a frame, since the encoder delays none."""
        packets: list[Any] = []
        group = _group_length(len(piece.seconds))
        for number, frame in enumerate(_hinted(self._animation.draw(piece))):
            frame.pts, frame.time_base = piece.first + number, Fraction(1, FRAMES_PER_SECOND)
            frame.pict_type = PictureType.NONE if number % group else PictureType.I
            packets += encoder.encode(frame)
            self._count_frame()
        return packets

    def _count_frame(self) -> None:
        with self._lock:
            self._encoded += 1
            if self._encoded % FRAMES_PER_SECOND == 0:
                report(self._progress, self._encoded / self._count)


def _group_length(frames: int) -> int:
    """Return the length of equal groups of pictures, at most ``_LONGEST_GROUP``, that make up ``frames``.

    A page does not end with a key frame: the next one begins with one, and H.264 forbids two with the same number.
    """
    return -(-frames // -(-frames // _LONGEST_GROUP))


def _hinted(images: Iterator[YuvFrame]) -> Iterator[av.VideoFrame]:
    """Yield the frames of one page, each with the areas that differ from the one before."""
    hint = None
    for image in images:
        hint = hint or ChangeHint(image.frame)
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
    _set_up(stream.codec_context)
    return stream


def _picture_encoder() -> Any:
    """Return an encoder whose packets continue those of a picture stream of the same settings."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.framerate, encoder.time_base = Fraction(FRAMES_PER_SECOND), Fraction(1, FRAMES_PER_SECOND)
    encoder.options = _X264
    encoder.flags |= Flags.global_header
    _set_up(encoder)
    return encoder


def _set_up(encoder: Any) -> None:
    encoder.width, encoder.height = SIZE
    encoder.pix_fmt = "yuv420p"
    encoder.sample_aspect_ratio = Fraction(1)
    encoder.colorspace = encoder.color_primaries = encoder.color_trc = _BT709
    encoder.color_range = _LIMITED_RANGE
    # Pages are encoded side by side; more threads a page cost a twelfth more processor time.
    encoder.thread_count = 1


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
