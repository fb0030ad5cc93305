"""What the expression network reads: the order of notes, and the history that the parts of a song share."""

from midi_data.events.expression_features import FEATURES, RESIDUALS, ExpressionHistory, note_groups

NAMES = list(FEATURES)


def features(history: ExpressionHistory, onset: int, pitch: int, velocity: int) -> dict[str, int]:
    return dict(zip(NAMES, history.features(onset, pitch, velocity, 5, onset % 96, 96), strict=True))


def test_first_notes_come_one_by_one_then_all_parts_that_play_on() -> None:
    assert list(note_groups([3, 2, 2])) == [(0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 3), (2, 0, 1)]
    assert list(note_groups([1])) == [(0, 0, 1)]
    assert list(note_groups([])) == []


def test_every_note_is_chosen_once() -> None:
    counts = [9, 9, 4, 1]
    chosen = [(number, part) for number, first, stop in note_groups(counts) for part in range(first, stop)]
    assert sorted(chosen) == sorted((number, part) for part, count in enumerate(counts) for number in range(count))


def test_parts_of_a_song_share_the_last_residual_of_each_velocity_class() -> None:
    shared = dict[int, int]()
    bass, lead = (ExpressionHistory(program, shared, is_drum=False) for program in (33, 80))
    assert features(lead, 0, 60, 12)["song_residual"] == RESIDUALS
    bass.add(0, 40, 12, 5, residual=4, length=16)
    found = features(lead, 0, 60, 12)
    assert found["song_residual"] == 4
    assert found["class_residual"] == RESIDUALS  # the lead itself has played nothing yet
    assert features(lead, 0, 60, 11)["song_residual"] == RESIDUALS


def test_a_history_knows_its_last_values_by_class_pitch_and_bar() -> None:
    drums = ExpressionHistory(0, {}, is_drum=True)
    drums.add(0, 36, 12, 5, residual=3, length=7)
    drums.add(24, 38, 12, 5, residual=6, length=2)
    found = features(drums, 96, 36, 12)
    assert (found["previous_residual"], found["class_residual"]) == (6, 6)
    assert (found["pitch_residual"], found["bar_residual"]) == (3, 3)
    assert (found["previous_length"], found["class_length"]) == (2, 7)
