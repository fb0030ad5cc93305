import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from composer.audio.encode import pcm16, write_mp3, write_ogg, write_wav
from composer.audio.mastering import true_peak
from composer.audio.mix import mix
from composer.audio.signal import SAMPLE_RATE, Audio, decibels
from composer.audio.tags import NO_TAGS, Tags, id3_tag, mp4_metadata, vorbis_comments
from midi_data.song import Song

Decoder = Callable[[Path], Audio]
WRITERS: dict[str, Callable[..., None]] = {"wav": write_wav, "mp3": write_mp3, "ogg": write_ogg}
TITLES = ["Dancing robots", "Grüße 🤘 日本語 שלום", "x" * 200, "two\nlines\0"]


def chord(seconds: float) -> Audio:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.stack([0.3 * np.sin(2 * np.pi * hertz * time) for hertz in (330, 440)], axis=1).astype(np.float32)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_decodes_to_what_was_written(name: str, tmp_path: Path, render_decoded: Decoder) -> None:
    audio, path = chord(3.2), tmp_path / f"song.{name}"
    WRITERS[name](audio, path)
    decoded = render_decoded(path)
    assert len(decoded) == pytest.approx(len(audio), abs=4000)
    for channel, hertz in enumerate((330, 440)):
        middle = decoded[SAMPLE_RATE : 2 * SAMPLE_RATE, channel]
        assert np.abs(np.fft.rfft(middle)).argmax() == hertz
        # LAME turns everything down by 0.26 dB at 192 kbit/s.
        assert np.sqrt(np.square(middle).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_at_all_is_still_a_file_of_its_kind(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"song.{name}"
    WRITERS[name](np.zeros((0, 2), np.float32), path)
    assert path.stat().st_size > 0


def test_a_long_ogg_is_written_in_blocks(tmp_path: Path) -> None:
    told: list[float] = []
    write_ogg(np.zeros((150 * SAMPLE_RATE, 2), np.float32), tmp_path / "long.ogg", progress=told.append)
    assert len(told) == 150
    assert told[-1] == 1


@pytest.fixture(scope="module")
def tags() -> Tags:
    cover = io.BytesIO()
    Image.new("RGB", (80, 45), (200, 30, 30)).save(cover, "JPEG")
    return Tags(genre="jazz", bpm=120.5, key="A minor", seed=7, link="https://band.example", cover=cover.getvalue())


def found_tags(path: Path) -> tuple[dict[str, str], int]:
    """Tags by lower-case name, and the number of cover pictures."""
    with av.open(str(path)) as container:
        found = dict(container.metadata)
        for stream in container.streams.audio:
            found |= stream.metadata
        return {name.lower(): text for name, text in found.items()}, len(container.streams.video)


@pytest.mark.parametrize("title", TITLES[:3])
@pytest.mark.parametrize("name", ["mp3", "ogg"])
def test_the_tags_are_in_the_file(name: str, title: str, tags: Tags, tmp_path: Path) -> None:
    path = tmp_path / f"song.{name}"
    WRITERS[name](chord(0.5), path, replace(tags, title=title))
    found, covers = found_tags(path)
    assert (found["title"], found["artist"], found["genre"], found["seed"]) == (title, "Riffbird", "jazz", "7")
    assert found["comment"] == "key A minor · 120.5 BPM · seed 7 · https://band.example"
    assert (found.get("bpm"), found.get("tbpm")) == (("120.5", None) if name == "ogg" else (None, "120"))
    assert found.get("key") or found["tkey"] == "Am"
    assert covers == 1


@pytest.mark.parametrize("name", ["mp3", "ogg"])
def test_no_title_breaks_a_file(name: str, tmp_path: Path, render_decoded: Decoder) -> None:
    path = tmp_path / f"song.{name}"
    WRITERS[name](chord(0.5), path, Tags(title=TITLES[3]))
    assert len(render_decoded(path)) > 20_000


def test_the_same_sound_gives_the_same_ogg(tmp_path: Path, tags: Tags) -> None:
    for name in ("a.ogg", "b.ogg"):
        write_ogg(chord(0.5), tmp_path / name, tags)
    assert (tmp_path / "a.ogg").read_bytes() == (tmp_path / "b.ogg").read_bytes()


def test_nothing_to_say_is_no_tag() -> None:
    assert id3_tag(NO_TAGS) == b""
    assert vorbis_comments(NO_TAGS) == mp4_metadata(NO_TAGS) == {}


def test_samples_are_rounded_and_clipped() -> None:
    assert pcm16(np.array([[1.5, -1.5], [0.5, 0.0]], np.float32)).tolist() == [[32767, -32768], [16384, 0]]


@pytest.mark.parametrize("name", ["wav", "mp3", "ogg"])
def test_what_listeners_decode_stays_a_decibel_under_full_scale(
    name: str, tmp_path: Path, render_band: Song, render_decoded: Decoder
) -> None:
    path = tmp_path / f"song.{name}"
    WRITERS[name](mix(render_band), path)
    assert decibels(true_peak(render_decoded(path))) <= -1
