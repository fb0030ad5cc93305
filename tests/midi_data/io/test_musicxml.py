"""MusicXML, read back: bars, voices, pitches, a percussion staff, chord symbols, key and sections."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midi_data.io.musicxml import Event, readable_events, split_voices, write_musicxml
from midi_data.keys import Key
from midi_data.song import Marker, Meter, Note, Song, Tempo, Track
from tests.songs import riff

music21 = pytest.importorskip("music21")


def read_back(song: Song, folder: Path) -> Any:
    write_musicxml(song, folder / "song.musicxml")
    return music21.converter.parse(folder / "song.musicxml", forceSource=True)


def bars(part: Any) -> list[Any]:
    return list(part.getElementsByClass("Measure"))


def sounding(part: Any) -> list[tuple[float, tuple[int, ...]]]:
    """(quarter, pitches) of every attack."""
    flat = part.stripTies().flatten()
    notes = flat.getElementsByClass(["Note", "Chord"])
    return [(float(n.offset), tuple(p.midi for p in n.pitches)) for n in notes if "ChordSymbol" not in n.classes]


def test_parts_and_bars_are_those_of_the_song(tmp_path: Path) -> None:
    song = riff(bars=4)
    score = read_back(song, tmp_path)
    assert score.metadata.bestTitle == "Riff"
    assert [part.partName for part in score.parts] == [track.name for track in song.tracks]
    for part in score.parts:
        assert [bar.duration.quarterLength for bar in bars(part)] == [4.0] * 4
    bass = score.parts[2]
    assert sounding(bass) == [(note.onset / 24, (note.pitch,)) for note in song.tracks[2].notes]


def test_drums_stand_on_a_percussion_staff(tmp_path: Path) -> None:
    drums = read_back(riff(bars=1), tmp_path).parts[0]
    assert isinstance(bars(drums)[0].clef, music21.clef.PercussionClef)
    strokes = list(drums.recurse().getElementsByClass(["Unpitched", "PercussionChord"]))
    assert len(strokes) == 8
    assert not list(drums.recurse().getElementsByClass("Note"))


def test_key_meters_tempo_sections_and_chords_are_written(tmp_path: Path) -> None:
    tune = Track(73, False, tuple(Note(24 * n, 62 + n % 5, 24, 80) for n in range(10)), "Flute")
    song = Song(
        (tune,),
        (Tempo(0, 92.0),),
        (Meter(0, 3, 4), Meter(144, 4, 4)),
        "Zoë ロボット",
        end=240,
        key=Key(2, "minor"),
        sections=(Marker(0, "A"), Marker(144, "B")),
        chord_symbols=(Marker(0, "Dm7"), Marker(72, "Bb"), Marker(144, "N.C.")),
    )
    score = read_back(song, tmp_path)
    part = score.parts[0]
    assert score.metadata.bestTitle == "Zoë ロボット"
    assert [bar.duration.quarterLength for bar in bars(part)] == [3.0, 3.0, 4.0]
    assert [m.ratioString for m in part.recurse().getElementsByClass("TimeSignature")] == ["3/4", "4/4"]
    [key] = part.recurse().getElementsByClass("KeySignature")
    assert key.sharps == -1
    [tempo] = score.recurse().getElementsByClass("MetronomeMark")
    assert tempo.number == 92
    assert [mark.content for mark in part.recurse().getElementsByClass("RehearsalMark")] == ["A", "B"]
    symbols = list(part.recurse().getElementsByClass("ChordSymbol"))
    assert [symbol.figure for symbol in symbols] == ["Dm7", "B-", "N.C."]


def test_a_note_over_a_bar_line_is_tied(tmp_path: Path) -> None:
    song = Song((Track(73, False, (Note(72, 60, 48, 80),), "Flute"),), end=192)
    part = read_back(song, tmp_path).parts[0]
    assert [note.tie.type for note in part.recurse().getElementsByClass("Note")] == ["start", "stop"]
    assert sounding(part) == [(3.0, (60,))]


def test_overlapping_notes_are_voices(tmp_path: Path) -> None:
    held, moving = Note(0, 48, 96, 80), [Note(24 * n, 60 + n, 24, 80) for n in range(4)]
    song = Song((Track(0, False, tuple(sorted([held, *moving])), "Piano"),), end=96)
    [bar] = bars(read_back(song, tmp_path).parts[0])
    assert len(bar.voices) == 2
    assert all(voice.duration.quarterLength == 4 for voice in bar.voices)


def test_more_than_four_voices_lose_no_note() -> None:
    events = [Event(6 * n, 96, (60 + n,)) for n in range(8)]
    voices = split_voices(events)
    assert len(voices) == 4
    assert sorted(event.pitches for voice in voices for event in voice) == [(60 + n,) for n in range(8)]


def test_times_are_rounded_to_what_can_be_read() -> None:
    late = [Note(1, 60, 22, 80), Note(25, 62, 5, 80)]
    assert [(e.onset, e.end) for e in readable_events(late)] == [(0, 24), (24, 30)]
    triplets = [Note(8 * n, 60, 8, 80) for n in range(3)]
    assert [(e.onset, e.end) for e in readable_events(triplets)] == [(0, 8), (8, 16), (16, 24)]


@pytest.mark.parametrize("meter", [(4, 4), (3, 4), (6, 8), (7, 8), (12, 8), (5, 4)])
def test_any_song_fills_its_bars(meter: tuple[int, int], tmp_path: Path) -> None:
    song = replace(riff(3, bars=4), meters=(Meter(0, *meter),))
    crooked = tuple(
        replace(note, onset=note.onset + note.onset % 5, duration=note.duration + 7) for note in song.tracks[1].notes
    )
    song = replace(song, tracks=(*song.tracks, Track(0, False, tuple(sorted(crooked)), "Crooked")))
    for part in read_back(song, tmp_path).parts:
        lengths = {float(bar.duration.quarterLength) for bar in bars(part)}
        assert lengths == {meter[0] * 4 / meter[1]}
