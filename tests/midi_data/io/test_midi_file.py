"""MIDI in and out: inverses on songs, and one clear line for every kind of bad file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midi_data.errors import BadMidiError
from midi_data.io.midi_file import DURATION_LIMIT_SECONDS, end_on_bar, read_midi, song_from_bytes
from midi_data.io.midi_writer import midi_bytes, write_midi
from midi_data.io.smf import FILE_SIZE_LIMIT
from midi_data.song import Meter, Note, Song, Tempo, Track
from tests.songs import riff


@st.composite
def songs(draw: st.DrawFn) -> Song:
    def track(program: int, is_drum: bool) -> Track:
        spans = draw(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)), min_size=1, max_size=12))
        pitches = draw(st.lists(st.integers(20, 110), min_size=len(spans), max_size=len(spans), unique=True))
        return Track(
            program,
            is_drum,
            tuple(sorted(Note(o, p, d, 64) for (o, d), p in zip(spans, pitches, strict=True))),
            f"t{program}",
        )

    programs = draw(st.lists(st.integers(0, 127), min_size=1, max_size=4, unique=True))
    tracks = [track(program, False) for program in programs] + ([track(0, True)] if draw(st.booleans()) else [])
    tempos = (Tempo(0, draw(st.integers(4000, 30000)) / 100), Tempo(draw(st.integers(1, 300)), 333.33))
    meters = draw(st.sampled_from([(Meter(0, 4, 4),), (Meter(0, 3, 4), Meter(144, 7, 8)), (Meter(0, 12, 8),)]))
    return end_on_bar(Song(tuple(tracks), tempos, meters, draw(st.sampled_from(["", "Zoë's Song", "ロボット"]))))


@settings(max_examples=60, deadline=None)
@given(songs())
def test_reading_what_was_written_gives_the_song_back(song: Song) -> None:
    assert song_from_bytes(midi_bytes(song)) == song


def test_the_same_song_is_the_same_bytes() -> None:
    assert midi_bytes(riff(3)) == midi_bytes(riff(3))


def test_tempo_asked_for_is_tempo_in_the_file(tmp_path: Path) -> None:
    write_midi(riff(tempo_bpm=160.0), tmp_path / "a.mid")
    assert read_midi(tmp_path / "a.mid").tempo_bpm == 160.0
    assert b"\xff\x51\x03" + (375_000).to_bytes(3, "big") in (tmp_path / "a.mid").read_bytes()


def test_writing_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_midi(riff(), tmp_path / "a.mid")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mid"]


def track_chunk(body: bytes) -> bytes:
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def smf(body: bytes, kind: int = 1, division: int = 480) -> bytes:
    return (
        b"MThd"
        + (6).to_bytes(4, "big")
        + kind.to_bytes(2, "big")
        + b"\x00\x01"
        + division.to_bytes(2, "big")
        + track_chunk(body)
    )


ONE_NOTE = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x00\x00\xff\x2f\x00"
TEN_HOURS = b"\x00\xff\x51\x03\xff\xff\xff" + b"\x00\x90\x3c\x40" + b"\xff\xff\xff\x7f\x80\x3c\x00\x00\xff\x2f\x00"

BAD_FILES = {
    "not MIDI": b"<html>",
    "truncated": smf(ONE_NOTE)[:-4],
    "type 2": smf(ONE_NOTE, kind=2),
    "no ticks": smf(ONE_NOTE, division=0),
    "SMPTE time": smf(ONE_NOTE, division=0xE728),
    "no notes": smf(b"\x00\xff\x2f\x00"),
    "too long": smf(TEN_HOURS, division=24),
}


@pytest.mark.parametrize("reason", BAD_FILES)
def test_a_bad_file_is_refused_in_one_line_that_names_it(reason: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.mid"
    path.write_bytes(BAD_FILES[reason])
    with pytest.raises(BadMidiError) as refused:
        read_midi(path)
    assert refused.value.reason == reason
    assert "bad.mid" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_good_single_note_is_read() -> None:
    song = song_from_bytes(smf(ONE_NOTE))
    assert song.note_count == 1
    assert song.duration_seconds < DURATION_LIMIT_SECONDS


def test_a_missing_and_an_oversized_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMidiError, match="cannot be read"):
        read_midi(tmp_path / "none.mid")
    with (tmp_path / "big.mid").open("wb") as handle:
        handle.truncate(FILE_SIZE_LIMIT + 1)
    with pytest.raises(BadMidiError, match="at most"):
        read_midi(tmp_path / "big.mid")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_damaged_bytes_are_refused_or_read_never_worse(noise: bytes, at: int) -> None:
    data = midi_bytes(riff(bars=1))
    damaged = data[:at] + noise + data[at + len(noise) :]
    try:
        outcome = "read" if song_from_bytes(damaged).note_count > 0 else "empty"
    except BadMidiError as error:
        outcome = error.reason
    assert outcome in ("read", *BadMidiError.REASONS)
