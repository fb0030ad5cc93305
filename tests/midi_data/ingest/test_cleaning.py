"""Cleaning outside files: bars, tracks and programs are put right where that is clear, and only there."""

import re
from dataclasses import replace

import pytest

from midi_data.ingest.cleaning.alignment import alignment_of
from midi_data.ingest.cleaning.downbeat import align_to_downbeat, downbeat_offset
from midi_data.ingest.cleaning.tracks import detect_drums, guess_program, is_drum_track, remove_duplicate_tracks
from midi_data.ingest.convert import convert
from midi_data.io.midi_file import reading_from_bytes, song_from_bytes
from midi_data.io.midi_writer import midi_bytes
from midi_data.song import Meter, Note, Song, Tempo, Track
from tests.midi_data.tunes import later, scattered, tune
from tests.songs import riff


def converted(song: Song, *, clean: bool = True, keep_unaligned: bool = False) -> dict[str, object]:
    head, _ = convert(midi_bytes(song), name="x.mid", clean=clean, keep_unaligned=keep_unaligned)
    return head


def kinds(head: dict[str, object]) -> list[str]:
    notices = head["notices"]
    assert isinstance(notices, list)
    return [kind for kind, _ in notices]


def test_a_clean_tune_is_left_as_it_is() -> None:
    assert kinds(converted(tune())) == []
    assert align_to_downbeat(tune()) == (tune(), "")


@pytest.mark.parametrize("beats", [1, 2, 3])
def test_bars_that_begin_on_another_beat_are_moved_to_the_strong_one(beats: int) -> None:
    song, said = align_to_downbeat(later(tune(), 24 * beats))
    assert song.tracks == tune().tracks
    assert f"moved by {beats} quarters" in said


def test_a_tune_beside_the_grid_is_moved_onto_it() -> None:
    song, said = align_to_downbeat(later(tune(), 7))
    assert song.tracks == tune().tracks
    assert "0.292 quarters" in said


def test_an_upbeat_stays_before_the_bar_line() -> None:
    upbeat = Track(73, False, (Note(0, 67, 24, 90),), "Upbeat")
    song = later(tune(), 24)
    moved, _ = align_to_downbeat(replace(song, tracks=(*song.tracks, upbeat)))
    assert moved.tracks[-1].notes[0].onset == 72
    assert min(note.onset for note in moved.tracks[1].notes) == 96


def test_bars_of_music_that_does_not_show_them_are_left_alone() -> None:
    even = Song((Track(0, False, tuple(Note(24 * n, 60, 24, 90) for n in range(200))),))
    assert downbeat_offset(later(even, 24)) == 0
    assert downbeat_offset(riff(0)) == 0


def test_changing_meters_are_left_alone() -> None:
    song = replace(later(tune(), 24), meters=(Meter(0, 4, 4), Meter(960, 3, 4)))
    assert downbeat_offset(song) == 0


def test_leading_silence_goes_with_its_tempo_and_meter_map() -> None:
    song = replace(later(tune(), 3 * 96), tempos=(Tempo(0, 60.0), Tempo(96, 100.0), Tempo(480, 130.0)))
    moved, said = align_to_downbeat(song)
    assert moved.tracks == tune().tracks
    assert moved.tempos == (Tempo(0, 100.0), Tempo(192, 130.0))
    assert said == "12 quarters of leading silence trimmed"


def test_a_recording_without_a_beat_map_is_left_out_and_said() -> None:
    wild = scattered(tune(), 24)
    head = converted(wild)
    assert head["left_out"] == "beats not aligned"
    assert "beats are not aligned to the grid" in str(head["detail"])
    assert "beats not aligned" in kinds(converted(wild, keep_unaligned=True))
    assert kinds(converted(wild, clean=False)) == []


def test_a_player_who_follows_a_click_is_aligned() -> None:
    head = converted(scattered(tune(), 3))
    assert "left_out" not in head


def test_swing_and_triplets_are_aligned() -> None:
    swung = Song((Track(0, False, tuple(Note(24 * (n // 2) + 16 * (n % 2), 60 + n % 7, 8, 90) for n in range(400))),))
    reading = reading_from_bytes(midi_bytes(swung))
    assert alignment_of(reading).strength > 0.9
    assert alignment_of(reading).moved == 0.0


def test_how_far_quantising_moves_notes_is_told() -> None:
    track = b"".join(b"\x05\x90" + bytes([60 + n % 5, 64]) + b"\x23\x80" + bytes([60 + n % 5, 0]) for n in range(40))
    body = track + b"\x00\xff\x2f\x00"
    data = (
        b"MThd\x00\x00\x00\x06\x00\x00\x00\x01"
        + (480).to_bytes(2, "big")
        + b"MTrk"
        + len(body).to_bytes(4, "big")
        + body
    )
    head, _ = convert(data, name="x.mid", clean=True, keep_unaligned=True)
    # Onsets 5, 45, 85 … of 480 a quarter on a grid of 20: each a quarter of a grid step away.
    assert head["moved"] == 0.25
    assert head["moved_ms"] == pytest.approx(0.25 * 500 / 24, abs=0.01)
    assert "no meter" in kinds(head)


DRUMS = tune().tracks[0]


@pytest.mark.parametrize("name", ["", "Track 1", "Drums", "DRUM KIT", "Schlagzeug"])
def test_drums_on_another_channel_are_found_where_there_are_none(name: str) -> None:
    hidden = Track(0, False, DRUMS.notes, name)
    song, found = detect_drums(Song((hidden, *tune().tracks[1:])))
    assert [track.is_drum for track in song.tracks] == [True, False, False, False]
    assert found == [name or "a track"]


def test_nothing_is_taken_for_drums_where_there_are_some() -> None:
    song = Song((DRUMS, Track(0, False, DRUMS.notes, "Drums 2")))
    assert detect_drums(song) == (song, [])


def line(name: str, program: int, *chords: tuple[int, ...]) -> Track:
    return Track(
        program, False, tuple(Note(12 * n, p, 10, 90) for n in range(128) for p in chords[n % len(chords)]), name
    )


@pytest.mark.parametrize(
    "track",
    [
        line("", 0, (35,), (38,), (40,), (42,), (45,)),  # a bass line in B minor
        line("", 0, (35, 42), (38, 45), (40, 47), (42,)),  # power chords
        line("", 0, (36,), (36,), (38,), (40,)),
        line("Drummer's piano", 0, (60, 64, 67), (62, 65, 69)),
        line("Steel Drums", 114, (60,), (64,), (67,)),
        Track(33, False, DRUMS.notes, "Bass"),
        Track(0, False, (), "Drums"),
    ],
)
def test_basses_chords_and_pitched_drums_are_not_a_kit(track: Track) -> None:
    assert not is_drum_track(track)


def without_programs(song: Song) -> bytes:
    return re.sub(rb"\x00[\xc0-\xcf][\x00-\x7f]", b"", midi_bytes(song))


def lengths_mended(data: bytes) -> bytes:
    parts = data.split(b"MTrk")
    return parts[0] + b"".join(b"MTrk" + (len(part) - 4).to_bytes(4, "big") + part[4:] for part in parts[1:])


def test_missing_programs_follow_from_names_and_ranges() -> None:
    song = tune()
    song = replace(song, tracks=(*song.tracks[:2], replace(song.tracks[2], name=""), song.tracks[3]))
    data = lengths_mended(without_programs(song))
    assert song_from_bytes(data).tracks[3].program == 73
    head, _ = convert(data, name="x.mid", clean=True, keep_unaligned=False)
    notices = [tuple(notice) for notice in head["notices"]]
    assert ("program from name", "track 'Flute' has no program: read as Flute, from its name") in notices
    assert ("no programs", "no program changes: a track: Electric Bass (finger)") in notices


def test_programs_that_are_told_are_believed() -> None:
    assert reading_from_bytes(midi_bytes(tune())).has_programs
    assert not reading_from_bytes(lengths_mended(without_programs(tune()))).has_programs
    assert kinds(converted(replace(tune(), tracks=tune().tracks[:2]))) == []


def test_a_low_chord_is_no_bass() -> None:
    assert guess_program(line("", 0, (36, 40, 43))) == 0
    assert guess_program(line("Strings", 0, (36,))) == 0  # the name decides, when the file is read


def test_the_same_notes_on_two_tracks_are_one_part() -> None:
    flute = tune().tracks[3]
    song = Song((*tune().tracks, replace(flute, name="Copy"), replace(flute, program=40, name="Violin")))
    merged, dropped = remove_duplicate_tracks(song)
    assert dropped == ["Copy"]
    assert [track.name for track in merged.tracks] == ["Drums", "Piano", "Bass", "Flute", "Violin"]
