import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi_data import general_midi as gm
from midi_data.general_midi import Instrument, find_instruments, instrument_name

EVERY_INSTRUMENT = [Instrument(program, is_drum) for is_drum in (False, True) for program in range(128)]
GENRES = ("", "heavy-metal", "rock", "blues", "jazz", "pop", "folk", "classical", "game", "unheard-of")


def named(text: str, genre: str = "") -> list[str] | None:
    found = find_instruments(text, genre)
    return None if found is None else [instrument_name(player.program, player.is_drum) for player in found]


def test_the_sound_set_is_complete() -> None:
    assert len(gm.PROGRAM_NAMES) == len(set(gm.PROGRAM_NAMES)) == 128
    assert len(gm.FAMILY_NAMES) == 16
    assert list(gm.DRUM_KEY_NAMES) == list(range(27, 88))
    assert len(set(gm.DRUM_KEY_NAMES.values())) == 61


@pytest.mark.parametrize(
    ("program", "name", "family"),
    [
        (0, "Acoustic Grand Piano", "Piano"), (13, "Xylophone", "Chromatic Percussion"),
        (30, "Distortion Guitar", "Guitar"),
        (33, "Electric Bass (finger)", "Bass"), (40, "Violin", "Strings"), (56, "Trumpet", "Brass"),
        (73, "Flute", "Pipe"),
        (104, "Sitar", "Ethnic"), (127, "Gunshot", "Sound Effects"),
    ],
)  # fmt: skip
def test_programs_stand_at_their_general_midi_numbers(program: int, name: str, family: str) -> None:
    assert (gm.instrument_name(program), gm.family_name(program)) == (name, family)


@pytest.mark.parametrize(
    ("pitch", "name"),
    [(35, "Acoustic Bass Drum"), (36, "Bass Drum 1"), (38, "Acoustic Snare"), (42, "Closed Hi-hat"),
     (49, "Crash Cymbal 1"),
     (51, "Ride Cymbal 1"), (56, "Cowbell"), (81, "Open Triangle"), (20, "Drum Key 20")],
)  # fmt: skip
def test_drum_keys_stand_at_their_general_midi_numbers(pitch: int, name: str) -> None:
    assert gm.drum_key_name(pitch) == name


@pytest.mark.parametrize("genre", GENRES)
def test_every_instrument_name_is_read_back_whatever_the_genre(genre: str) -> None:
    for instrument in EVERY_INSTRUMENT:
        assert find_instruments(instrument_name(instrument.program, instrument.is_drum), genre) == (instrument,)


def test_no_alias_means_two_things() -> None:
    for instrument, words in gm.instrument_words().items():
        for word in words:
            assert find_instruments(word) == (instrument,), word


def test_every_family_and_group_names_somebody() -> None:
    assert all(find_instruments(word) for word in (*gm.FAMILY_NAMES, *gm.instrument_groups()))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("lead guitar", ["Distortion Guitar"]), ("GUITARS", ["Distortion Guitar"]), ("gitar", ["Distortion Guitar"]),
        ("distortion-guitar", ["Distortion Guitar"]), ("distortion_guitar", ["Distortion Guitar"]),
        ("bass", ["Electric Bass (finger)"]), ("Electric Bass (finger)", ["Electric Bass (finger)"]),
        ("brass", ["Brass Section"]), ("drums", ["Drums"]), ("Drum Kit", ["Drums"]), ("percussion", ["Drums"]),
        ("808", ["808 Drums"]), ("drum kit 3", ["Drum Kit 3"]),
        ("strings", ["String Ensemble 1"]), ("saxaphone", ["Tenor Sax"]),
        ("sax", ["Tenor Sax"]), ("synth", ["Lead 2 (sawtooth)"]), ("voices", ["Choir Aahs"]), ("choir", ["Choir Aahs"]),
        ("violins", ["Violin"]), ("two guitars", ["Distortion Guitar"] * 2), ("2 violins", ["Violin"] * 2),
        ("a flute", ["Flute"]), ("double bass", ["Acoustic Bass"]), ("bandoneón", ["Tango Accordion"]),
        ("string quartet", ["Violin", "Violin", "Viola", "Cello"]), ("horn", ["French Horn"]),
        ("horns", ["Brass Section"]),
    ],
)  # fmt: skip
def test_people_name_instruments_in_their_own_words(text: str, names: list[str]) -> None:
    assert named(text) == names


@pytest.mark.parametrize("text", ["", " ", "kazoo orchestra pit", "five guitars", "drum kit 128", "drum kit ٣", "🎸"])
def test_an_unknown_instrument_is_none(text: str) -> None:
    assert find_instruments(text) is None


@pytest.mark.parametrize(
    ("text", "genre", "names"),
    [("guitar", "folk", ["Acoustic Guitar (steel)"]), ("guitars", "jazz", ["Electric Guitar (jazz)"]),
     ("gitar", "folk", ["Acoustic Guitar (steel)"]), ("bass", "jazz", ["Acoustic Bass"]),
     ("distorted guitar", "folk", ["Distortion Guitar"]), ("bass", "heavy-metal", ["Electric Bass (pick)"])],
)  # fmt: skip
def test_a_plain_word_sounds_as_its_genre_does(text: str, genre: str, names: list[str]) -> None:
    assert named(text, genre) == names


def test_near_names_are_suggested() -> None:
    assert gm.similar_instruments("vioiln")[0] == "violin"
    assert gm.similar_instruments("qqqqq") == []


def test_every_instrument_can_play_an_octave_and_at_least_one_note_at_a_time() -> None:
    for instrument in EVERY_INSTRUMENT:
        low, high = gm.playable_range(instrument.program, instrument.is_drum)
        assert 0 <= low <= high - 12 <= high <= 127
        assert 1 <= gm.usual_polyphony(instrument.program, instrument.is_drum) <= 10


@pytest.mark.parametrize(
    ("program", "pitches", "polyphony"),
    [(0, (21, 108), 10), (33, (23, 67), 2), (30, (35, 93), 6), (40, (55, 105), 2), (73, (59, 98), 2),
     (48, (24, 105), 6),
     (66, (44, 84), 2), (81, (24, 108), 2), (16, (24, 108), 10)],
)  # fmt: skip
def test_ranges_and_polyphony_are_those_of_the_real_instrument(
    program: int, pitches: tuple[int, int], polyphony: int
) -> None:
    assert gm.playable_range(program) == pitches
    assert gm.usual_polyphony(program) == polyphony


def test_drums_play_every_named_key() -> None:
    assert gm.playable_range(0, is_drum=True) == (27, 87)
    assert gm.usual_polyphony(0, is_drum=True) == 5


@given(st.text(), st.sampled_from(GENRES))
def test_no_text_makes_the_lookup_fail(text: str, genre: str) -> None:
    found = find_instruments(text, genre)
    assert found is None or len(found) >= 1
    assert len(gm.similar_instruments(text[:40])) <= 3
