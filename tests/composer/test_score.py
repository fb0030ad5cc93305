"""Songs as scores: kits, part order, sections, chord symbols, and a note when the band is smaller than asked."""

from composer.request import ComposeRequest, PartRequest
from composer.score import as_score, band_notices, chord_markers
from midi_data.analysis.sections import section_markers
from midi_data.general_midi import score_position
from midi_data.keys import Key
from midi_data.song import Marker, Note, Song, Track
from tests.songs import riff


def request(*band: PartRequest) -> ComposeRequest:
    return ComposeRequest(genres={"jazz": 1.0}, band=band or None)


def test_the_asked_kit_is_the_drum_tracks() -> None:
    brushes = PartRequest(program=40, is_drum=True)
    song = as_score(riff(), request(PartRequest(program=32), brushes), None, [])
    assert [(t.program, t.name) for t in song.tracks if t.is_drum] == [(40, "Brush Drums")]
    assert [(t.program, t.name) for t in as_score(riff(), request(), None, []).tracks if t.is_drum] == [(0, "Drums")]


def test_parts_stand_in_score_order() -> None:
    def programs(*parts: tuple[int, bool]) -> list[tuple[int, bool]]:
        return sorted(parts, key=lambda part: score_position(*part))

    rock = [(52, False), (66, False), (30, False), (0, False), (33, False), (0, True)]
    assert programs(*reversed(rock)) == rock
    orchestra = [(73, False), (68, False), (60, False), (46, False)]
    assert programs(*reversed(orchestra)) == orchestra


def test_key_sections_and_chords_are_the_songs() -> None:
    song = as_score(riff(bars=2), request(), Key(2, "minor"), ["Dm", "Dm-G"])
    assert song.key == Key(2, "minor")
    assert song.chord_symbols == (Marker(0, "Dm"), Marker(144, "G"))
    assert song.sections == (Marker(0, "A"),)


def test_chords_in_three_four_change_at_the_middle() -> None:
    assert chord_markers(riff(bars=1), ["C-G"]) == (Marker(0, "C"), Marker(48, "G"))


def test_what_returns_has_the_letter_that_it_had() -> None:
    def phrase(start: int, pitch: int) -> list[Note]:
        return [Note(start + 24 * n, pitch + n % 5, 24, 80) for n in range(16)]

    notes = [*phrase(0, 60), *phrase(384, 60), *phrase(768, 70), *phrase(1152, 60)]
    song = Song((Track(0, False, tuple(notes)),))
    assert section_markers(song) == (Marker(0, "A"), Marker(768, "B"), Marker(1152, "A"))


def test_a_band_that_is_smaller_than_asked_is_told() -> None:
    asked = request(*[PartRequest(program=0)] * 5)
    [notice] = band_notices(asked, 4)
    assert notice.startswith("5 parts asked, 4 play")
    assert band_notices(asked, 5) == []
    assert band_notices(request(), 3) == []
