"""Chord names, their classes, and the notation that people type."""

from __future__ import annotations

import pytest

from midi_data.chords import (
    CHORD_CLASSES,
    NO_CHORD,
    bar_name,
    chord_class,
    chord_name,
    chord_quality,
    chord_root,
    chord_tones,
    parse_chord,
    parse_chords,
)


@pytest.mark.parametrize("chord", range(CHORD_CLASSES))
def test_every_name_is_parsed_as_its_own_class(chord: int) -> None:
    assert parse_chord(chord_name(chord)) == (chord, "")


def test_a_class_knows_root_quality_and_tones() -> None:
    chord = chord_class(9, "m7")
    assert (chord_root(chord), chord_quality(chord), chord_tones(chord)) == (9, "m7", (9, 0, 4, 7))
    assert (chord_root(NO_CHORD), chord_quality(NO_CHORD), chord_tones(NO_CHORD)) == (None, None, ())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("C#m", "Dbm"), ("b♭maj7", "Bbmaj7"), ("Cb", "B"), ("E#", "F"), ("CM7", "Cmaj7"), ("Cm7", "Cm7"),
        ("nc", "N.C."),
        ("Aø", "Am7b5"), ("F+", "Faug"), ("Dmin7", "Dm7"), ("GSUS4", "Gsus4"),
    ],
)  # fmt: skip
def test_spellings(text: str, name: str) -> None:
    chord, notice = parse_chord(text)
    assert (chord_name(chord), notice) == (name, "")


@pytest.mark.parametrize(("text", "name"), [("C6", "C"), ("Gadd9", "G"), ("D9", "D7"), ("C/E", "C"), ("Bdim7", "Bdim")])
def test_the_nearest_chord_is_taken_and_said(text: str, name: str) -> None:
    chord, notice = parse_chord(text)
    assert chord_name(chord) == name
    assert notice == f"{text} is played as {name}"


@pytest.mark.parametrize("text", ["H", "Cxyz", "", "7", "/c", "C/", "C" * 300])
def test_what_is_no_chord_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="chord"):
        parse_chord(text)


@pytest.mark.parametrize("text", ["Dm7 | G7 | Cmaj7", "Dm7,G7,Cmaj7", " Dm7  G7\tCmaj7 ", "|Dm7|G7|Cmaj7|"])
def test_bars_are_parted_in_several_ways(text: str) -> None:
    assert [bar_name(*bar) for bar in parse_chords(text).bars] == ["Dm7", "G7", "Cmaj7"]


def test_two_chords_share_a_bar() -> None:
    parsed = parse_chords("E5-G5 C6")
    assert [bar_name(*bar) for bar in parsed.bars] == ["E5-G5", "C"]
    assert parsed.notices == ("C6 is played as C",)


@pytest.mark.parametrize("text", ["", " | ", "C " * 33, "C-F-G"])
def test_a_wrong_number_of_chords_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"bars|two chords"):
        parse_chords(text)
