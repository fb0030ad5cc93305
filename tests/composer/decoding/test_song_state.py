"""Pitch dropout removes pitches from the lookback, and nothing else."""

import pytest

from composer.decoding.song_state import SongState
from midi_data.events.encoding import DURATIONS, part_code
from midi_data.events.features import LAGS, NONE
from midi_data.song import TICKS_PER_QUARTER, Meter

ORGAN, DRUMS = part_code(16, is_drum=False), part_code(0, is_drum=True)
BAR = 4 * TICKS_PER_QUARTER
QUARTER, LOUD = DURATIONS.index(TICKS_PER_QUARTER), 8


def lookback_at_the_bar_before(pitch_dropout: frozenset[int]) -> dict[str, int]:
    """Lookback by field at the organ's first note of the second bar, which repeats that of the first."""
    song_state = SongState((DRUMS, ORGAN), Meter(0, 4, 4), 2, [frozenset(), pitch_dropout])
    song_state.inputs()
    for chosen in (0, ORGAN, 60, QUARTER, LOUD):
        song_state.append(chosen)
    song_state.inputs()
    shown = {}
    for field, chosen in (
        ("time_shift", BAR),
        ("part", ORGAN),
        ("pitch", 64),
        ("duration", QUARTER),
        ("velocity", LOUD),
    ):
        shown[field] = song_state.read_lookback(field)[LAGS.index(1)]
        song_state.append(chosen)
    return shown


@pytest.mark.parametrize("pitch_dropout", [frozenset(), frozenset({DRUMS})])
def test_the_lookback_has_the_note_of_the_bar_before(pitch_dropout: frozenset[int]) -> None:
    shown = lookback_at_the_bar_before(pitch_dropout)
    assert (shown["part"], shown["pitch"], shown["duration"], shown["velocity"]) == (ORGAN, 60, QUARTER, LOUD)


def test_a_dropped_part_keeps_part_duration_and_velocity_in_the_lookback() -> None:
    shown = lookback_at_the_bar_before(frozenset({ORGAN}))
    assert (shown["part"], shown["pitch"], shown["duration"], shown["velocity"]) == (
        ORGAN,
        NONE["pitch"],
        QUARTER,
        LOUD,
    )
