from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from threading import Event

import av
import numpy as np
import pytest

from composer.audio.mastering import true_peak
from composer.audio.mix import mix
from composer.audio.signal import SAMPLE_RATE, Audio, decibels
from composer.audio.tags import Tags
from composer.video import animation, encode
from composer.video.animation import SIZE, Animation
from composer.video.encode import FRAMES_PER_SECOND, write_video
from composer.video.still import cover_jpeg, draw_song
from midi_data.song import Song

Decoder = Callable[[Path], Audio]


@pytest.fixture(scope="module")
def sound(render_band: Song) -> Audio:
    return mix(render_band)


@pytest.fixture(scope="module")
def file(render_band: Song, sound: Audio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "song.mp4"
    cover = cover_jpeg(draw_song(render_band, "Dancing robots", "heavy metal"))
    tags = Tags("Dancing robots 🤘", genre="heavy-metal", bpm=120, key="E minor", seed=7, cover=cover)
    write_video(render_band, lambda: sound, path, tags, subtitle="heavy metal")
    return path


def test_the_picture_is_what_x_asks_for(file: Path) -> None:
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.width, context.height) == (1280, 720)
        assert stream.sample_aspect_ratio in (None, Fraction(1))
        assert stream.average_rate == FRAMES_PER_SECOND <= 60
        assert not any(frame.interlaced_frame for frame in container.decode(stream))


def test_the_sound_is_what_x_asks_for(file: Path) -> None:
    with av.open(str(file)) as container:
        context = container.streams.audio[0].codec_context
        assert (context.name, context.profile, context.sample_rate) == ("aac", "LC", 48_000)
        assert context.layout.name == "stereo"


def test_picture_and_sound_are_equally_long_and_complete(file: Path, sound: Audio, render_decoded: Decoder) -> None:
    seconds = len(sound) / SAMPLE_RATE
    with av.open(str(file)) as container:
        count = sum(1 for _ in container.decode(video=0))
        assert count == round(seconds * FRAMES_PER_SECOND)
        assert container.duration / 1e6 == pytest.approx(seconds, abs=0.1)
    assert len(render_decoded(file)) / SAMPLE_RATE == pytest.approx(seconds, abs=0.1)


def test_tags_and_cover_are_there_and_the_cover_is_no_track(file: Path) -> None:
    with av.open(str(file)) as container:
        found = dict(container.metadata)
        assert [stream.frames > 0 for stream in container.streams.video] == [True, False]
    assert (found["title"], found["artist"], found["genre"]) == ("Dancing robots 🤘", "Riffbird", "heavy-metal")
    assert found["comment"] == "key E minor · 120 BPM · seed 7"
    data = file.read_bytes()
    assert data.count(b"trak") == 2
    assert b"covr" in data
    assert b"tmpo" in data


def test_sound_and_picture_are_in_step(file: Path, sound: Audio, render_decoded: Decoder) -> None:
    decoded = render_decoded(file)[:SAMPLE_RATE, 0]
    original = sound[:SAMPLE_RATE, 0]
    spectrum = np.fft.rfft(decoded, 2 * SAMPLE_RATE) * np.conj(np.fft.rfft(original, 2 * SAMPLE_RATE))
    delay = int(np.fft.irfft(spectrum).argmax())
    assert min(delay, 2 * SAMPLE_RATE - delay) < SAMPLE_RATE // 50


def test_what_listeners_decode_stays_a_decibel_under_full_scale(file: Path, render_decoded: Decoder) -> None:
    assert decibels(true_peak(render_decoded(file))) <= -1


def test_every_group_of_pictures_is_closed(file: Path) -> None:
    with av.open(str(file)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    keys = [index for index, packet in enumerate(packets) if packet.is_keyframe]
    assert keys[0] == 0
    assert max(np.diff([*keys, len(packets)])) <= 2 * FRAMES_PER_SECOND
    for key in keys:
        assert all(packet.pts >= packets[key].pts for packet in packets[key:])


def test_it_can_start_before_it_is_loaded(file: Path) -> None:
    data = file.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_sound_and_picture_lie_side_by_side_in_the_file(file: Path) -> None:
    with av.open(str(file)) as container:
        order = [
            (packet.stream.type, float(packet.pts * packet.time_base)) for packet in container.demux() if packet.pts
        ]
    newest = {"audio": 0.0, "video": 0.0}
    for kind, second in order:
        newest[kind] = max(newest[kind], second)
        assert abs(newest["audio"] - newest["video"]) < 2.5


def test_the_decoded_picture_moves_and_is_not_dark(file: Path) -> None:
    with av.open(str(file)) as container:
        shown = [
            frame.to_ndarray(format="gray") for index, frame in enumerate(container.decode(video=0)) if index % 30 == 0
        ]
    assert all((picture > 150).sum() > 1000 for picture in shown)
    assert (shown[0] != shown[2]).sum() > 1000


def test_a_song_too_long_is_faded_out(
    render_band: Song, sound: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, render_decoded: Decoder
) -> None:
    monkeypatch.setattr(encode, "MAX_SECONDS", 2.0)
    write_video(render_band, lambda: sound, tmp_path / "short.mp4")
    decoded = render_decoded(tmp_path / "short.mp4")
    assert len(decoded) / SAMPLE_RATE == pytest.approx(2.0, abs=0.1)
    assert np.abs(decoded[-2400:]).max() < 0.02


def test_the_longest_song_asked_for_fits_x() -> None:
    assert encode.MAX_SECONDS + 0.1 < 140


def test_progress_rises(render_band: Song, sound: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "MAX_SECONDS", 3.0)
    told: list[float] = []
    write_video(render_band, lambda: sound, tmp_path / "song.mp4", progress=told.append)
    assert told == sorted(told)
    assert len(told) == 3


def test_pictures_are_encoded_while_the_sound_is_mixed(render_band: Song, sound: Audio, tmp_path: Path) -> None:
    drawn = Event()

    def mixed() -> Audio:
        assert drawn.wait(60), "no picture was encoded before the sound was there"
        return sound

    write_video(render_band, mixed, tmp_path / "song.mp4", progress=lambda _done: drawn.set())


def test_every_decoded_frame_is_what_was_drawn(file: Path, render_band: Song) -> None:
    """Parts that the encoder is told to skip do not fall behind."""
    drawn = Animation(render_band, "Dancing robots 🤘", "heavy metal")
    with av.open(str(file)) as container:
        decoded = container.decode(video=0)
        for image, shown in zip(drawn.frames(90, FRAMES_PER_SECOND), decoded, strict=False):
            errors = image.planes[0][0].astype(int) - shown.to_ndarray()[: SIZE[1]]
            blocks = np.square(errors).reshape(SIZE[1] // 16, 16, SIZE[0] // 16, 16).mean(axis=(1, 3))
            assert blocks.max() < 60


def test_pages_encoded_side_by_side_follow_each_other(
    render_band: Song, sound: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(animation, "_PAGE_SECONDS", 0.5)
    drawn = Animation(render_band, "", "")
    count = round(len(sound) / SAMPLE_RATE * FRAMES_PER_SECOND)
    assert len(drawn.pieces(count, FRAMES_PER_SECOND)) > 1
    write_video(render_band, lambda: sound, tmp_path / "song.mp4")
    with av.open(str(tmp_path / "song.mp4")) as container:
        decoded = container.decode(video=0)
        for number, (image, shown) in enumerate(zip(drawn.frames(count, FRAMES_PER_SECOND), decoded, strict=True)):
            assert shown.pts * shown.time_base == pytest.approx(number / FRAMES_PER_SECOND, abs=1e-3)
            errors = image.planes[0][0].astype(int) - shown.to_ndarray()[: SIZE[1]]
            assert np.square(errors).mean() < 6


def test_a_page_that_cannot_be_drawn_is_reported(
    render_band: Song, sound: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no font")

    monkeypatch.setattr(Animation, "draw", fail)
    with pytest.raises(OSError, match="no font"):
        write_video(render_band, lambda: sound, tmp_path / "song.mp4")


@pytest.mark.parametrize("frames", [1, 2, 59, 60, 61, 121, 180, 214, 599])
def test_the_groups_of_a_page_are_short_and_it_does_not_end_with_a_key_frame(frames: int) -> None:
    group = encode._group_length(frames)
    assert group <= 2 * FRAMES_PER_SECOND
    assert frames == 1 or (frames - 1) % group
