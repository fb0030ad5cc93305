import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from composer.audio import encode, mix
from composer.audio.signal import Audio
from composer.audio.tags import Tags
from composer.errors import RefusedError
from composer.render import render
from composer.request import Format
from midi_data.song import Song

ALL: tuple[Format, ...] = get_args(Format)
METAL = {"heavy-metal": 1.0}
ENDINGS = {"stems": "song.stems.zip"}
TAGS = Tags("Dancing robots", genre="heavy-metal", bpm=120, key="E minor", seed=7)


@pytest.fixture(scope="module")
def folder(render_band: Song, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    render(render_band, ALL, folder / "deep" / "er", "song", tags=TAGS, subtitle="heavy metal", genres=METAL)
    return folder / "deep" / "er"


def test_every_format_is_there_and_nothing_else(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {ENDINGS.get(name, f"song.{name}") for name in ALL}


def test_the_same_song_gives_the_same_bytes(folder: Path, render_band: Song, tmp_path: Path) -> None:
    again = render(render_band, ALL, tmp_path, "song", tags=TAGS, subtitle="heavy metal", genres=METAL)
    for path in again.files.values():
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


def test_files_begin_as_their_format_does(folder: Path) -> None:
    beginnings = {"mid": b"MThd", "wav": b"RIFF", "mp3": b"ID3", "ogg": b"OggS", "png": b"\x89PNG"}
    for name, beginning in beginnings.items():
        assert (folder / f"song.{name}").read_bytes().startswith(beginning)
    assert (folder / "song.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_result_tells_paths_and_seconds(render_band: Song, tmp_path: Path) -> None:
    result = render(render_band, ["mp3", "png", "mp3"], tmp_path, "song")
    assert result.files == {"mp3": tmp_path / "song.mp3", "png": tmp_path / "song.png"}
    assert result.audio_seconds > 0
    assert result.video_seconds > 0


@pytest.mark.parametrize("name", ["mid", "png"])
def test_a_picture_or_score_makes_no_sound(
    name: Format, render_band: Song, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mix, "mix", None)
    result = render(render_band, [name], tmp_path, "song")
    assert [path.name for path in tmp_path.iterdir()] == [f"song.{name}"]
    assert (result.audio_seconds > 0) == (name == "mid")


def test_a_score_alone_loads_no_library_of_sound_or_picture(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom composer.render import render\nfrom midi_data.song import Song\n"
        f"render(Song(()), ['mid'], Path({str(tmp_path)!r}), 'song')\n"
        "print([name for name in ('av', 'scipy', 'PIL', 'lameenc', 'soundfile', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_song_without_notes_gives_every_file(render_silence: Song, tmp_path: Path) -> None:
    assert len(render(render_silence, ALL, tmp_path, "song").files) == len(ALL)


def test_no_format_is_no_work(render_band: Song, tmp_path: Path) -> None:
    assert render(render_band, [], tmp_path, "song").files == {}


@pytest.mark.parametrize("breaking", ["write_mp3", "write_ogg"])
def test_when_one_file_fails_none_is_left(
    breaking: str, render_band: Song, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_written(_audio: object, path: Path, *_rest: object) -> None:
        path.write_bytes(b"half")
        raise ZeroDivisionError

    monkeypatch.setattr(encode, breaking, half_written)
    with pytest.raises(ZeroDivisionError):
        render(render_band, ["mid", "wav", "mp3", "ogg"], tmp_path, "song")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rendering_leaves_the_files_of_the_last_one(
    render_band: Song, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(render_band, ["mp3"], tmp_path, "song")
    before = (tmp_path / "song.mp3").read_bytes()
    monkeypatch.setattr(encode, "write_mp3", None)
    with pytest.raises(TypeError):
        render(render_band, ["mp3"], tmp_path, "song")
    assert (tmp_path / "song.mp3").read_bytes() == before


def test_a_folder_that_cannot_be_is_refused_in_one_line(render_band: Song, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RefusedError, match="cannot write to the folder") as refusal:
        render(render_band, ["mid"], tmp_path / "file" / "songs", "song")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("stem", ["", "a/b", "../out", "."])
def test_a_stem_that_is_no_plain_name_is_refused(stem: str, render_band: Song, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="one plain word"):
        render(render_band, ["mid"], tmp_path, stem)
    assert list(tmp_path.iterdir()) == []


def test_progress_rises_to_one(render_band: Song, tmp_path: Path) -> None:
    told: list[float] = []
    render(render_band, ["mid", "mp3", "png"], tmp_path, "song", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert len(told) > 5


@pytest.mark.parametrize(("name", "parts"), [("wav", 2), ("mp4", 1)])
def test_a_video_leaves_the_mix_one_part_at_a_time(
    name: Format, parts: int, render_silence: Song, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    original = mix.mix

    def noted(*args: Any, at_once: int, **settings: Any) -> Audio:
        asked.append(at_once)
        return original(*args, at_once=at_once, **settings)

    monkeypatch.setattr(mix, "mix", noted)
    render(render_silence, [name], tmp_path, "song")
    assert asked == [parts]
