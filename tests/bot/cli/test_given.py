"""``--replace``: the named parts of a file are composed anew, the others are kept note for note."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.errors import CommandRefusedError
from bot.cli.requests.given import given_song
from composer.errors import RefusedError
from composer.request import ComposeRequest
from midi_data.io.midi_file import read_midi
from midi_data.io.midi_writer import write_midi
from midi_data.song import Note, Song, Tempo, Track

REQUEST = ComposeRequest(genres={"jazz": 1.0})


def tune() -> Song:
    quarters = range(0, 8 * 96, 24)
    return Song(
        (
            Track(0, is_drum=False, notes=tuple(Note(tick, 60, 20, 80) for tick in quarters), name="Piano"),
            Track(32, is_drum=False, notes=tuple(Note(tick, 36, 20, 90) for tick in quarters), name="Bass"),
            Track(0, is_drum=True, notes=tuple(Note(tick, 36, 6, 90) for tick in quarters), name="Kick"),
            Track(0, is_drum=True, notes=tuple(Note(tick + 12, 42, 6, 70) for tick in quarters), name="Hat"),
        ),
        (Tempo(0, 120.0),), end=8 * 96,
    )  # fmt: skip


def test_parts_are_named_as_in_a_reply() -> None:
    song = tune()
    for text, numbers in (("bass", (1,)), ("Piano, bass", (0, 1)), ("drums", (2, 3)), ("hat", (3,))):
        given = given_song(song, text, REQUEST)
        assert given is not None
        assert given.replaced == numbers
    assert given_song(song, None, REQUEST) is None


def test_what_cannot_be_replaced_is_refused() -> None:
    with pytest.raises(CommandRefusedError, match="--primer"):
        given_song(None, "bass", REQUEST)
    with pytest.raises(CommandRefusedError, match="at least one part"):
        given_song(tune(), "piano, bass, drums", REQUEST)
    with pytest.raises(RefusedError, match='no "violin" in this song'):
        given_song(tune(), "violin", REQUEST)


def test_the_command_keeps_the_other_parts_of_a_file(tmp_path: Path) -> None:
    write_midi(tune(), tmp_path / "tune.mid")
    command = [
        sys.executable,
        "-m",
        "bot.cli.main",
        "compose",
        "x /g jazz /s 1",
        "--primer",
        str(tmp_path / "tune.mid"),
    ]
    command += ["--replace", "bass", "--format", "mid", "--out", str(tmp_path), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    made = read_midi(Path(json.loads(result.stdout)["files"]["mid"]))
    notes = {(track.program, track.is_drum): track.notes for track in made.tracks}
    kept = tune().tracks
    assert notes[0, False] == kept[0].notes
    assert notes[0, True] == tuple(sorted([*kept[2].notes, *kept[3].notes]))
    assert notes[32, False] != kept[1].notes
