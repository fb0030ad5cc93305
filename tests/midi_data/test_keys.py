import pytest
from hypothesis import given
from hypothesis import strategies as st

from midi_data.keys import ALL_KEYS, Key, Mode, estimate_key, parse_key

SCALES: dict[Mode, tuple[int, ...]] = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


def scale_weights(key: Key) -> list[float]:
    """A tune in ``key``: its scale, the tonic chord stressed."""
    weights = [0.0] * 12
    for degree, step in enumerate(SCALES[key.mode]):
        weights[(key.tonic + step) % 12] = 3.0 if degree in (0, 2, 4) else 1.0
    return weights


def test_there_are_24_keys_and_each_is_read_back_from_its_name() -> None:
    assert len(set(map(str, ALL_KEYS))) == 24
    assert [parse_key(str(key)) for key in ALL_KEYS] == list(ALL_KEYS)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Dm", "D minor"), ("dm", "D minor"), ("d minor", "D minor"), ("D-minor", "D minor"), ("D_MINOR", "D minor"),
        ("Dmin", "D minor"), ("D min.", "D minor"), ("D", "D major"), ("d", "D major"), ("DM", "D major"),
        ("Dmaj", "D major"),
        ("F# major", "F# major"), ("F#", "F# major"), ("f♯m", "F# minor"), ("F sharp minor", "F# minor"),
        ("Gb", "F# major"), ("C# major", "Db major"), ("Bb", "Bb major"), ("bb", "Bb major"), ("B♭ minor", "Bb minor"),
        ("bbm", "Bb minor"), ("b", "B major"), ("bm", "B minor"), ("B flat", "Bb major"), ("A♭m", "G# minor"),
        ("Cb", "B major"), ("E#m", "F minor"), ("fis-moll", "F# minor"), ("Es-Dur", "Eb major"), ("As dur", "Ab major"),
        ("es-moll", "Eb minor"), ("H-moll", "B minor"), ("B-Dur", "Bb major"), ("  a   minor ", "A minor"),
        ("Bbmaj", "Bb major"),
        ("BbM", "Bb major"), ("csharpminor", "C# minor"),
    ],
)  # fmt: skip
def test_keys_are_read_as_musicians_write_them(text: str, name: str) -> None:
    assert str(parse_key(text)) == name


@pytest.mark.parametrize("text", ["", "H#b", "minor", "X", "D dorian", "Dmm", "D##", "12", "major D", "🎹", "bbb"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert parse_key(text) is None


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("abcdefghms#♯♭ -")), max_size=12))
def test_no_text_makes_key_reading_fail(text: str) -> None:
    assert parse_key(text) in (None, *ALL_KEYS)


@pytest.mark.parametrize("key", ALL_KEYS, ids=str)
def test_a_tune_is_heard_in_the_key_it_is_written_in(key: Key) -> None:
    assert estimate_key(scale_weights(key)) == key


def test_silence_is_called_c_major() -> None:
    assert estimate_key([0.0] * 12) == Key(0, "major")


def test_anything_but_12_weights_is_an_error() -> None:
    with pytest.raises(ValueError, match="not 3"):
        estimate_key([1, 2, 3])


def test_a_tonic_outside_the_octave_is_an_error() -> None:
    with pytest.raises(ValueError, match="not 12"):
        Key(12, "major")


@given(st.lists(st.floats(0, 1e9), min_size=12, max_size=12))
def test_any_weights_have_a_key(weights: list[float]) -> None:
    assert estimate_key(weights) in ALL_KEYS
