"""``riffbird inspect`` and ``riffbird score``: facts a file, and bad files that stop nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.cli.inspect.piano_roll import COLUMNS, piano_roll
from bot.cli.main import main
from midi_data.io.midi_writer import write_midi
from midi_data.song import Note, Song, Track
from tests.composer.checkpoints import tiny_checkpoint
from tests.midi_data.raw_midi import END, control, melody, name, program, smf
from tests.songs import riff

KEYS = {
    "file", "ok", "error", "title", "notes", "bars", "duration_seconds", "tempos", "meters", "key", "parts", "chords",
    "notices",
}  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


def inspected(capsys: pytest.CaptureFixture[str], path: Path, data: bytes) -> dict[str, Any]:
    path.write_bytes(data)
    status, out, _ = run(capsys, "inspect", path, "--json")
    assert status == 0
    return dict(json.loads(out))


def test_a_song_has_its_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_midi(riff(tempo_bpm=140.0), tmp_path / "a.mid")
    status, out, err = run(capsys, "inspect", tmp_path / "a.mid", "--json")
    facts = json.loads(out)
    assert (status, err) == (0, "")
    assert facts.keys() == KEYS
    assert (facts["ok"], facts["error"], facts["title"]) == (True, None, "Riff")
    assert (facts["bars"], facts["tempos"], facts["meters"]) == (8, [140.0], ["4/4"])
    assert facts["notes"] == riff().note_count == sum(part["notes"] for part in facts["parts"])
    assert [part["program"] for part in facts["parts"]] == [0, 30, 33]
    assert [part["kit"] for part in facts["parts"]] == ["Drums", None, None]
    assert len(facts["chords"]) == 8
    assert facts["parts"][2]["first_seconds"] == 0.0
    assert facts["parts"][2]["last_seconds"] == facts["duration_seconds"]


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.mid").write_bytes(b"<html>")
    write_midi(riff(), tmp_path / "good.mid")
    files = (tmp_path / "bad.mid", tmp_path / "none.mid", tmp_path / "good.mid")
    status, out, _ = run(capsys, "inspect", *files, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 2
    assert [row["ok"] for row in rows] == [False, False, True]
    assert all(row["error"] and "\n" not in row["error"] for row in rows[:2])
    status, out, err = run(capsys, "inspect", *files)
    assert status == 2
    assert len(err.splitlines()) == 2
    assert "good.mid" in out


def test_score_goes_on_past_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from composer.model.checkpoint import save_checkpoint

    save_checkpoint(tiny_checkpoint(), tmp_path / "tiny.safetensors")
    (tmp_path / "bad.mid").write_bytes(b"MThd")
    write_midi(riff(bars=2), tmp_path / "good.mid")
    command = ("score", tmp_path / "bad.mid", tmp_path / "good.mid", "--checkpoint", tmp_path / "tiny.safetensors")
    status, out, _ = run(capsys, *command, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 2
    assert [row["ok"] for row in rows] == [False, True]
    assert rows[1]["notes"] == riff(bars=2).note_count
    status, out, err = run(capsys, *command)
    assert (status, len(err.splitlines()), len(out.splitlines())) == (2, 1, 5)


def test_kits_and_channel_state_are_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = program(33, 0) + program(40, 1) + program(25, 9) + END
    tracks = (melody() + END, melody(channel=1) + END, melody(channel=9, pitch=36) + END)
    parts = inspected(capsys, tmp_path / "a.mid", smf(setup, *tracks))["parts"]
    assert [(part["program"], part["kit"]) for part in parts] == [(33, None), (40, None), (25, "808 Drums")]


def test_what_the_model_cannot_hold_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    five_pianos = smf(*(program(0, channel) + melody(channel=channel) + END for channel in range(5)))
    facts = inspected(capsys, tmp_path / "five.mid", five_pianos)
    assert len(facts["parts"]) == 5
    assert any("1 part joined" in notice for notice in facts["notices"])
    fading = smf(program(73) + melody(2) + control(11, 20) + melody(2) + END)
    notices = inspected(capsys, tmp_path / "fading.mid", fading)["notices"]
    assert notices == ["volume and expression folded into the velocities of 2 notes"]


def test_a_key_signature_counts_unless_it_is_the_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def in_key(signature: bytes) -> str:
        data = smf(b"\x00\xff\x59\x02" + signature + program(73) + melody(count=3, pitch=62) + END)
        return str(inspected(capsys, tmp_path / "a.mid", data)["key"])

    assert in_key(b"\x03\x01") == "F# minor"
    assert in_key(b"\x00\x00") == in_key(b"\x00\x02") != "C major"


def test_other_terminal_encodings_lose_no_line(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(smf(name("ロボット".encode()) + program(73) + melody() + END))
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for arguments in (["--json"], []):
        command = [sys.executable, "-m", "bot.cli.main", "inspect", str(tmp_path / "a.mid"), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout
    assert json.loads(subprocess.check_output([*command, "--json"], env=environment))["title"] == "ロボット"


def test_the_piano_roll_shows_parts_over_time() -> None:
    low = Track(33, False, (Note(0, 40, 96, 80),))
    high = Track(73, False, (Note(96, 76, 96, 80),))
    drums = Track(0, True, (Note(0, 36, 6, 80),))
    top, *_, bottom, beats = piano_roll(Song((low, high, drums)))
    assert top.endswith("." * (COLUMNS // 2) + "2" * (COLUMNS // 2))
    assert bottom.endswith("1" * (COLUMNS // 2) + "." * (COLUMNS // 2))
    assert beats == "drum x" + "." * (COLUMNS - 1)
