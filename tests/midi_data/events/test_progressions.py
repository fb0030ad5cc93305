"""A progression says how it went on the last time."""

from midi_data.events.progressions import NONE_YET, PROGRESSION_SLOTS, Progressions


def after(chords: list[int]) -> list[int]:
    progressions = Progressions()
    for chord in chords:
        progressions.add_chord(chord)
    return progressions.next_chords()


def test_nothing_follows_before_a_progression_comes_back() -> None:
    assert after([]) == after([1, 2, 3, 4, 5, 6]) == [NONE_YET] * len(PROGRESSION_SLOTS)


def test_the_chord_after_the_same_chords_is_found_by_number_of_slots() -> None:
    turn = [1, 1, 8, 8, 15, 15, 1, 22]
    assert after([*turn, *turn[:4]]) == [15, NONE_YET, NONE_YET]
    assert after([*turn, *turn]) == [1, 1, NONE_YET]
    assert after([*turn, *turn, *turn]) == [1, 1, 1]


def test_the_latest_place_counts() -> None:
    four = [1, 2, 3, 4]
    assert after([*four, 50, 50, *four, 60, 60, *four])[0] == 60


def test_slots_of_a_bar_are_kept_apart() -> None:
    four = [1, 2, 3, 4]
    assert after([*four, 50, *four])[0] == NONE_YET  # half a bar later
    assert after([*four, 50, 50, *four])[0] == 50
