"""The command as a person runs it: a process, its files, its one line when something is wrong."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from midi_data.io.midi_file import read_midi
from midi_data.io.midi_writer import write_midi
from midi_data.song import Note, Song, Track
from tests.composer.checkpoints import tiny_checkpoint
from tests.songs import midi_folder, riff

SIGNED_UP = {
    "X_CONSUMER_KEY": "k", "X_CONSUMER_SECRET": "s", "X_ACCESS_TOKEN": "t", "X_ACCESS_TOKEN_SECRET": "u",
    "MASTODON_URL": "http://127.0.0.1:1", "MASTODON_ACCESS_TOKEN": "t",
    "MATRIX_HOMESERVER": "http://127.0.0.1:1", "MATRIX_USER_ID": "@band:localhost", "MATRIX_ACCESS_TOKEN": "t",
    "BLUESKY_HANDLE": "band.example", "BLUESKY_APP_PASSWORD": "p",
}  # fmt: skip
TWEET = "Dancing robots /compose /g heavy-metal /t 160 /r 0.2"


def riffbird(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(cwd)}
    command = [sys.executable, "-m", "bot.cli.main", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def refused(result: subprocess.CompletedProcess[str], cwd: Path) -> str:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    line = result.stderr.rstrip("\n")
    assert "\n" not in line
    assert "Traceback" not in line
    assert not list(cwd.glob("songs/*"))
    return line


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    from composer.model.checkpoint import save_checkpoint

    save_checkpoint(tiny_checkpoint(), tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def test_the_example_is_a_whole_metal_band_at_160_and_repeats_byte_for_byte(tmp_path: Path) -> None:
    songs = []
    for out in ("one", "two"):
        result = riffbird("compose", TWEET, "--seed", "7", "--format", "mid", "--json", "--out", out, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        facts = json.loads(result.stdout)
        songs.append((facts, (tmp_path / facts["files"]["mid"]).read_bytes()))
    (facts, first), (_, second) = songs
    assert first == second
    assert (facts["title"], facts["genre"], facts["tempo_bpm"], facts["seed"]) == (
        "Dancing robots",
        "heavy-metal",
        160.0,
        7,
    )
    song = read_midi(tmp_path / facts["files"]["mid"])
    assert [tempo.bpm for tempo in song.tempos] == [160.0]
    assert abs(song.duration_seconds - 45) <= 1.5
    assert song.end % song.meters[0].bar_ticks == 0
    for role in ("drums", "bass", "guitar"):
        assert share_of_bars(song, role) > 0.5, role


def share_of_bars(song: Song, role: str) -> float:
    from composer.planning.form import plays_role
    from midi_data.events.encoding import part_code

    bar = song.meters[0].bar_ticks
    playing = {
        note.onset // bar
        for track in song.tracks
        if plays_role(part_code(track.program, is_drum=track.is_drum), role)
        for note in track.notes
    }
    return len(playing) / song.bar_count


def test_json_has_every_promised_field(tmp_path: Path, tiny: Path) -> None:
    result = riffbird(
        "compose", "/l 10", "--checkpoint", tiny, "--format", "mid", "--count", "2", "--json", cwd=tmp_path
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 2
    promised = {
        "title", "genre", "tempo_bpm", "randomness", "sampling", "seed", "key", "duration_seconds", "bars", "notes",
        "parts", "files", "checkpoint", "notices", "timings_seconds",
    }  # fmt: skip
    assert promised <= set(lines[0])
    assert set(lines[0]["timings_seconds"]) == {"load", "compose", "audio", "video", "total"}
    assert set(lines[0]["parts"][0]) == {"name", "program", "is_drum", "notes"}
    assert lines[0]["seed"] != lines[1]["seed"]


def test_flags_win_over_words_and_clamping_is_said(tmp_path: Path, tiny: Path) -> None:
    result = riffbird(
        "compose", "X /t 100 /g jazz", "--tempo", "900", "--length", "10", "--checkpoint", tiny,
        "--format", "mid", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    facts = json.loads(result.stdout)
    assert (facts["tempo_bpm"], facts["genre"]) == (300.0, "jazz")
    assert any("300" in notice for notice in facts["notices"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/g polka-core"], ["polka-core", "heavy-metal"]),
        (["--tempo", "fast"], ["fast"]),
        (["--randomness", "-1"], ["-1"]),
        (["--format", "flac"], ["flac", "mp3"]),
        (["--count", "0"], ["--count", "0"]),
        (["--sampling", "magic"], ["magic"]),
        (["--out", "/proc/nowhere"], ["/proc/nowhere"]),
        (["--checkpoint", "none.safetensors"], ["none.safetensors"]),
        (["--primer", "none.mid"], ["none.mid"]),
        (["--chords", "Am Hm"], ["A chord is a root A-G", "'Hm'"]),
        (["--like", "none.mid"], ["none.mid"]),
        (["--like", "none.mid", "--primer", "none.mid"], ["--primer and --like"]),
        (["--replace", "bass"], ["--replace", "--primer"]),
        (["--device", "cuda", "--backend", "numpy"], ["--device cuda", "--backend torch", "not numpy"]),
        (["--device", "tpu"], ["auto, cpu, cuda", "'tpu'"]),
        (["--backend", "jax"], ["auto, numpy, onnxruntime, torch", "'jax'"]),
        (["--no-such-flag"], ["--no-such-flag"]),
        (["/help"], ["/help"]),
    ],
)
def test_what_cannot_be_composed_is_refused_in_one_line(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    line = refused(riffbird("compose", *arguments, cwd=tmp_path), tmp_path)
    assert all(word in line for word in words), line


def test_every_backend_composes_the_same_song(tmp_path: Path, tiny: Path) -> None:
    pytest.importorskip("torch", reason="the train extra")
    songs = []
    for backend in ("numpy", "torch"):
        words = ["--genre", "jazz", "--length", "10", "--seed", "4", "--checkpoint", tiny, "--backend", backend]
        result = riffbird("compose", *words, "--format", "mid", "--json", "--out", backend, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        songs.append((tmp_path / json.loads(result.stdout)["files"]["mid"]).read_bytes())
    assert songs[0] == songs[1]


def test_a_corrupt_and_a_foreign_checkpoint_are_refused(tmp_path: Path, tiny: Path) -> None:
    data = tiny.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[: len(data) // 2])
    (tmp_path / "noise.safetensors").write_bytes(b"\x80\x04 a pickle, perhaps")
    (tmp_path / "other.safetensors").write_bytes(data.replace(b"events-1/", b"events-9/"))
    from safetensors.numpy import save_file

    save_file({}, tmp_path / "foreign.safetensors")
    for name in ("cut", "noise", "other", "foreign"):
        line = refused(riffbird("compose", "--checkpoint", tmp_path / f"{name}.safetensors", cwd=tmp_path), tmp_path)
        assert f"{name}.safetensors" in line


def test_a_genre_table_a_score_and_a_corpus_from_the_command_line(tmp_path: Path) -> None:
    listed = riffbird("genres", "--json", cwd=tmp_path)
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert "heavy-metal" in {row["name"] for row in rows}
    assert all(row["nll"] > 0 and row["licences"] for row in rows)
    write_midi(riff(), tmp_path / "riff.mid")
    scored = json.loads(riffbird("score", "riff.mid", "--genre", "metal", "--json", cwd=tmp_path).stdout)
    assert scored["genre"] == "heavy-metal"
    assert 0 < scored["nll"] < 20
    assert sum(scored["fields"].values()) == pytest.approx(scored["nll"])
    midi_folder(tmp_path / "ska", count=3)
    prepared = riffbird("corpus", "prepare", "ska", "--out", "prepared", "--genre", "ska", cwd=tmp_path)
    assert prepared.returncode == 0, prepared.stderr
    described = json.loads(riffbird("corpus", "describe", "prepared", "--json", cwd=tmp_path).stdout)
    assert (described["genre"], described["notes"] > 0) == ("ska", True)


def test_bad_files_to_score_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.mid").write_bytes(b"hello")
    assert "bad.mid" in refused(riffbird("score", "bad.mid", cwd=tmp_path), tmp_path)
    write_midi(Song((Track(0, False, (Note(0, 60, 12, 90),)),)), tmp_path / "one.mid")
    assert "polka" in refused(riffbird("score", "one.mid", "--genre", "polka", cwd=tmp_path), tmp_path)
    assert "no prepared corpus" in refused(riffbird("corpus", "describe", "nowhere", cwd=tmp_path), tmp_path)
    assert "--midi" in refused(riffbird("train", "--genre", "ska", cwd=tmp_path), tmp_path)


def test_composing_needs_no_torch_and_no_server_libraries(tmp_path: Path) -> None:
    probe = (
        "import sys; from bot.cli.main import main\n"
        "try: main(['compose', '/l 10', '--format', 'mid'])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "heavy = {'torch', 'fastapi', 'redis', 'av', 'PIL', 'pretty_midi', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    result = subprocess.run([sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        (["serve"], "redis", "serve"),
        (["api"], "fastapi", "serve"),
        (["worker"], "rq", "serve"),
        (["bot", "x", "--check"], "tweepy", "bot"),
        (["bot", "mastodon", "--check"], "mastodon", "bot"),
        (["bot", "matrix", "--check"], "nio", "matrix"),
        (["bot", "bluesky", "--check"], "atproto", "bluesky"),
    ],
)
def test_a_command_whose_libraries_are_not_installed_names_the_extra(
    command: list[str], module: str, extra: str, tmp_path: Path
) -> None:
    probe = f"import sys; sys.modules[{module!r}] = None; from bot.cli.main import main; main({command!r})"
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "RIFFBIRD_REDIS_URL": "redis://127.0.0.1:1",
    }
    environment |= {f"RIFFBIRD_{name}": value for name, value in SIGNED_UP.items()}
    result = subprocess.run(
        [sys.executable, "-c", probe], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert refused(result, tmp_path).endswith(f"pip install 'riffbird[{extra}]'")


def test_a_failure_of_ours_is_one_line_and_status_one(tmp_path: Path) -> None:
    probe = (
        "import composer.pipeline as p\n"
        "def broken(*_, **__): raise ZeroDivisionError('a bug')\n"
        "p.compose_all = broken\n"
        "from bot.cli.main import main; main(['compose', '--format', 'mid'])"
    )
    result = subprocess.run([sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "ZeroDivisionError: a bug" in result.stderr
    shutil.rmtree(tmp_path / "songs", ignore_errors=True)
