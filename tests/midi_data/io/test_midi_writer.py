"""Written files: what they hold, and that other programs' readers open them as they are."""

import io
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import pretty_midi
import pytest

from midi_data.atomic import atomic_path
from midi_data.io.midi_file import read_midi, song_from_bytes
from midi_data.io.midi_writer import midi_bytes, write_midi
from midi_data.keys import ALL_KEYS, Key
from midi_data.song import Marker, Note, Song, Track
from tests.songs import riff


def opened(song: Song) -> Any:
    return mido.MidiFile(file=io.BytesIO(midi_bytes(song)), charset="utf-8")


def messages(song: Song, kind: str) -> list[Any]:
    return [message for track in opened(song).tracks for message in track if message.type == kind]


def band(count: int) -> Song:
    tracks = tuple(Track(program, False, (Note(0, 60, 24, 80),), f"Part {program}") for program in range(count))
    return Song(tracks, title="Many")


@pytest.mark.parametrize("key", ALL_KEYS, ids=str)
def test_the_key_signature_is_written_and_read(key: Key) -> None:
    song = replace(riff(bars=1), key=key)
    assert len(messages(song, "key_signature")) == 1
    assert song_from_bytes(midi_bytes(song)).key == key


def test_no_key_no_signature_and_no_lyrics() -> None:
    assert messages(riff(bars=1), "key_signature") == []
    assert messages(riff(bars=1), "lyrics") == []


def test_sections_are_markers_and_chords_are_text() -> None:
    song = replace(riff(bars=2), sections=(Marker(0, "A"), Marker(96, "B")), chord_symbols=(Marker(48, "Am7"),))
    assert [message.text for message in messages(song, "marker")] == ["A", "B"]
    assert [message.text for message in messages(song, "text")] == ["Am7"]


@pytest.mark.parametrize("title", ["x" * 128, "Ä" * 100, "ロボットの踊り" * 20, "a\ud800b", ""])
def test_a_title_of_any_language_and_length_is_kept(title: str) -> None:
    song = song_from_bytes(midi_bytes(replace(riff(bars=1), title=title)))
    assert song.title == title.replace("\ud800", "?")


@pytest.mark.parametrize("count", [1, 15, 16, 31])
def test_a_channel_has_one_program(count: int) -> None:
    song = band(count)
    places = {}
    for track in opened(song).tracks[1:]:
        port = next((message.port for message in track if message.type == "midi_port"), 0)
        [change] = [message for message in track if message.type == "program_change"]
        assert places.setdefault((port, change.channel), change.program) == change.program
        assert change.channel != 9
    assert len(places) == count
    assert [track.program for track in song_from_bytes(midi_bytes(song)).tracks] == list(range(count))


@pytest.mark.parametrize("kit", [0, 8, 16, 24, 25, 32, 40, 48])
def test_a_kit_is_the_program_of_channel_10(kit: int) -> None:
    song = Song((Track(kit, True, (Note(0, 36, 6, 80),), "Drums"),))
    [change] = messages(song, "program_change")
    assert (change.channel, change.program) == (9, kit)
    assert song_from_bytes(midi_bytes(song)).tracks[0].program == kit


def test_mido_opens_it_strictly() -> None:
    song = replace(riff(), key=Key(2, "minor"))
    midi = mido.MidiFile(file=io.BytesIO(midi_bytes(song)), clip=False)
    assert (midi.type, midi.ticks_per_beat, len(midi.tracks)) == (1, 480, 4)
    assert midi.length == pytest.approx(song.duration_seconds, abs=0.01)


def test_pretty_midi_opens_it(tmp_path: Path) -> None:
    song = replace(riff(), key=Key(2, "minor"))
    write_midi(song, tmp_path / "a.mid")
    midi = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid"))
    assert [(i.program, i.is_drum, i.name, len(i.notes)) for i in midi.instruments] == [
        (t.program, t.is_drum, t.name, len(t.notes)) for t in song.tracks
    ]
    assert [k.key_number for k in midi.key_signature_changes] == [14]
    assert midi.get_tempo_changes()[1].tolist() == [pytest.approx(140.0, abs=0.001)]


def test_music21_opens_it(tmp_path: Path) -> None:
    music21 = pytest.importorskip("music21")
    song = replace(riff(bars=2), key=Key(2, "minor"))
    write_midi(song, tmp_path / "a.mid")
    score = music21.converter.parse(tmp_path / "a.mid", forceSource=True)
    assert len(score.parts) == 3
    assert score.recurse().getElementsByClass("TimeSignature").first().ratioString == "4/4"
    assert str(score.recurse().getElementsByClass("Key").first()) == "d minor"
    bass = next(part for part in score.parts if part.partName == "Bass")
    assert sum(len(note.pitches) for note in bass.recurse().notes) >= len(song.tracks[2].notes)


def test_writers_of_one_path_do_not_disturb_one_another(tmp_path: Path) -> None:
    songs = [replace(riff(seed, bars=1), title=f"Song {seed}") for seed in range(8)]
    threads = [threading.Thread(target=write_midi, args=(song, tmp_path / "a.mid")) for song in songs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mid"]
    assert read_midi(tmp_path / "a.mid").title in {song.title for song in songs}


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as path:
            path.write_text("half")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_the_mode_of_a_secret_file_is_kept(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "secret", mode=0o600) as path:
        path.write_text("x")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
