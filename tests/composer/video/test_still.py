from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from composer.video.layout import Area, Span
from composer.video.still import PNG_SIZE, draw_lanes, draw_notes, note_layer, part_names, piano_roll, write_png
from composer.video.theme import part_colours
from midi_data.song import Meter, Note, Song, Tempo, Track

TITLES = ["", "🤘", "日本語", "a\x00\n" * 50, "x" * 500]


def drawn(song: Song, folder: Path, title: str = "Dancing robots") -> np.ndarray:
    write_png(song, folder / "song.png", title=title, subtitle="heavy metal · 120 bpm")
    with Image.open(folder / "song.png") as image:
        assert image.format == "PNG"
        assert image.size == PNG_SIZE
        return np.asarray(image.convert("RGB")).astype(int)


def test_every_part_shows_in_its_colour(render_band: Song, tmp_path: Path) -> None:
    pixels = drawn(render_band, tmp_path)
    for colour in part_colours(render_band.tracks):
        assert (np.abs(pixels - colour).max(axis=2) < 40).sum() > 300


def test_the_title_is_there(render_band: Song, tmp_path: Path) -> None:
    with_title, without = drawn(render_band, tmp_path), drawn(render_band, tmp_path, title="Another")
    assert (with_title[20:80, :600] != without[20:80, :600]).any()
    assert (with_title[140:] == without[140:]).all()


@pytest.mark.parametrize("title", TITLES)
def test_no_title_breaks_the_picture(title: str, render_band: Song, tmp_path: Path) -> None:
    assert drawn(render_band, tmp_path, title).std() > 0


@pytest.mark.parametrize(
    "song",
    [
        Song(()),
        Song((Track(30, is_drum=False),), end=96),
        Song((Track(0, is_drum=True, notes=(Note(0, 0, 1, 1), Note(0, 127, 1, 127))),)),
        Song(tuple(Track(p, is_drum=False, notes=(Note(p, p, 24, 64),), name="🤘" * p) for p in range(40))),
        Song((Track(0, is_drum=False, notes=(Note(0, 60, 30_000, 64),)),), tempos=(Tempo(0, 40), Tempo(9, 300))),
        Song((Track(0, is_drum=False, notes=(Note(0, 60, 99, 64),)),), meters=(Meter(0, 1, 32), Meter(50, 17, 16))),
    ],
)
def test_odd_songs_have_pictures_too(song: Song, tmp_path: Path) -> None:
    assert drawn(song, tmp_path).std() > 0


def test_parts_are_named_and_namesakes_numbered() -> None:
    tracks = [
        Track(0, is_drum=True),
        Track(30, is_drum=False),
        Track(30, is_drum=False),
        Track(5, is_drum=False, name="Ann"),
    ]
    assert part_names(tracks) == ["Drums", "Distortion Guitar 1", "Distortion Guitar 2", "Ann"]


def test_the_same_song_gives_the_same_file(render_band: Song, tmp_path: Path) -> None:
    drawn(render_band, tmp_path)
    first = (tmp_path / "song.png").read_bytes()
    drawn(render_band, tmp_path)
    assert (tmp_path / "song.png").read_bytes() == first


def test_corners_are_softened_and_later_notes_are_in_front() -> None:
    song = Song((Track(0, is_drum=False, notes=(Note(0, 60, 48, 127), Note(24, 60, 48, 20))),), end=96)
    area = Area(200, 100, 1200, 300)
    roll, span = piano_roll(song, PNG_SIZE, area), Span(0, 96, 200, 1200)
    page = draw_lanes(roll, span, np.zeros((PNG_SIZE[1], PNG_SIZE[0], 3), np.uint8))
    layer = note_layer(roll, span)
    lanes = draw_notes(page, roll, layer, "coming").astype(int)
    first, second = (each.area.within(area) for each in layer.notes)
    loud, quiet = lanes[first.top + 3, first.left + 3], lanes[second.top + 3, second.left + 3]
    assert (loud > quiet).all()
    assert (lanes[second.top + 3, second.left + 1] == quiet).all()
    ground = page[100 + first.top, 200 + first.left].astype(int)
    assert (np.abs(lanes[first.top, first.left] - (ground + (loud - ground) * 80 / 255)) <= 1).all()
    assert (lanes[first.top, first.right - 1] == quiet).all()  # the corner that the second note covers
