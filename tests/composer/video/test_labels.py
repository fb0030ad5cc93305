"""Labels above a piano roll: chords that do not touch, bar numbers, section marks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from composer.score import chord_markers
from composer.video import theme
from composer.video.labels import ROW, Row, draw_labels, placed_chords, shown
from composer.video.layout import Span
from midi_data.song import Marker, Meter, Note, Song, Track

BAR = 96
TOP = 100
FOUR = Meter(0, 4, 4)


def song(bars: int, chords: str, meter: Meter = FOUR) -> Song:
    names = chords.split()
    notes = tuple(Note(bar * meter.bar_ticks, 60, 24, 80) for bar in range(bars))
    plain = Song((Track(0, False, notes),), meters=(meter,), end=bars * meter.bar_ticks)
    symbols = chord_markers(plain, [names[bar % len(names)] for bar in range(bars)])
    return Song(plain.tracks, meters=plain.meters, end=plain.end, sections=(Marker(0, "A"),), chord_symbols=symbols)


def span(bars: int, width: int = 1000) -> Span:
    return Span(0, bars * BAR, 0, width)


@pytest.mark.parametrize("bars", [4, 30, 80])
def test_chords_do_not_touch(bars: int) -> None:
    chords = song(bars, "Dm7-G7 Cmaj7 Gm7b5-C7").chord_symbols
    labels = placed_chords(chords, set(range(0, bars * BAR, BAR)), span(bars))
    for row in {label.row for label in labels}:
        own = sorted((each.left, each.left + each.letters.getlength(each.name)) for each in labels if each.row == row)
        assert all(end < begin for (_, end), (begin, _) in pairwise(own))


def test_all_chords_stand_in_one_row_where_there_is_room() -> None:
    chords = song(4, "Dm7-G7 Cmaj7").chord_symbols
    labels = placed_chords(chords, set(range(0, 4 * BAR, BAR)), span(4))
    assert [(label.name, label.row) for label in sorted(labels, key=lambda label: label.left)] == [
        ("Dm7", 0), ("G7", 0), ("Cmaj7", 0), ("Dm7", 0), ("G7", 0), ("Cmaj7", 0)
    ]  # fmt: skip


def test_second_chords_take_a_second_row_and_bar_lines_go_first() -> None:
    bars = set(range(0, 16 * BAR, BAR))
    chords = song(16, "Dm7-G7 Cmaj7").chord_symbols
    assert {label.row for label in placed_chords(chords, bars, span(16))} == {0, 1}
    crowded = placed_chords(song(60, "Dm7-G7").chord_symbols, bars, span(60))
    assert {label.name for label in crowded if label.row == 0} == {"Dm7"}


def test_a_page_begins_with_the_chord_in_force() -> None:
    marks = (Marker(0, "Am"), Marker(2 * BAR, "F"), Marker(5 * BAR, "C"))
    assert shown(marks, Span(3 * BAR, 6 * BAR, 0, 100)) == [Marker(3 * BAR, "F"), Marker(5 * BAR, "C")]
    assert shown((), Span(0, BAR, 0, 100)) == []


def test_a_row_gives_each_pixel_once() -> None:
    row = Row(100)
    assert row.take(0, 20)
    assert not row.take(15, 10)
    assert not row.take(23, 10)
    assert row.take(40, 10)
    assert not row.take(26, 10)
    assert not row.take(95, 10)


def test_chords_bars_and_sections_are_drawn_above_the_lanes_only() -> None:
    def drawn(each: Song) -> np.ndarray:
        picture = Image.new("RGB", (1040, 200), theme.BACKGROUND)
        draw_labels(picture, each, TOP, span(8))
        return np.asarray(picture).astype(int)

    with_chords, without = drawn(song(8, "Am F")), drawn(Song(song(8, "Am").tracks, end=8 * BAR))
    assert (np.abs(with_chords - theme.TEXT).max(axis=2) < 40).sum() > 200
    assert not (np.abs(without - theme.TEXT).max(axis=2) < 40).any()
    assert (without[TOP - ROW - 8 : TOP] != theme.BACKGROUND).any()
    assert (with_chords[TOP:] == theme.BACKGROUND).all()


def test_the_second_chord_of_a_bar_stands_where_its_slot_begins() -> None:
    assert [mark.onset for mark in song(1, "Am-F", Meter(0, 5, 4)).chord_symbols] == [0, 72]
    assert [mark.onset for mark in song(1, "Am-F").chord_symbols] == [0, 48]
