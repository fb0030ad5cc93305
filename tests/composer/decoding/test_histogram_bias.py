"""Parts lean towards their tendencies where they have strayed from them, and nowhere else."""

import numpy as np

from composer.decoding.histogram_bias import NOTES_BETWEEN_LOOKS, HistogramBias, Row, template_histograms
from midi_data.analysis.attribute_histograms import (
    COLUMNS,
    FULL,
    HISTOGRAMS_WIDTH,
    KINDS,
    TIME_SHIFT_BINS,
    gap_bin,
    register_bin,
    step_bin,
    time_shift_bin,
    tone_bin,
)
from midi_data.events.encoding import EOS, MAX_SHIFT, VOCABULARY, part_code

BASS, DRUMS, PAD = part_code(33, is_drum=False), part_code(0, is_drum=True), part_code(89, is_drum=False)
SHORT, LONG = 5, 20
NO_PACE = np.zeros(TIME_SHIFT_BINS)


def row(**shares: dict[int, float]) -> Row:
    """A tendency: of each kind the shares of some bins."""
    made = np.zeros(HISTOGRAMS_WIDTH)
    for kind, bins in shares.items():
        for index, share in bins.items():
            made[COLUMNS[kind]][index] = share
    return made


def biased(
    bias: HistogramBias, field: str, classes: list[int], tick: int = 0, part: int = BASS, level: int = 0
) -> list[float]:
    logits = [0.0] * len(classes)
    bias.lean(field, classes, logits, part, tick, level)
    return logits


def play(bias: HistogramBias, count: int, *, pitch: int = 40, duration: int = SHORT, every: int = 12) -> None:
    for number in range(count):
        bias.heard(number * every, BASS, pitch, duration, 8)


def test_before_the_first_note_nothing_leans() -> None:
    bias = HistogramBias({BASS: row(duration={SHORT: 0.5, LONG: 0.5})}, NO_PACE)
    assert biased(bias, "duration", [SHORT, LONG]) == [0, 0]


def test_a_part_on_its_course_is_left_alone() -> None:
    bias = HistogramBias({BASS: row(duration={SHORT: 0.5, LONG: 0.5})}, NO_PACE)
    for number in range(40):
        bias.heard(number * 12, BASS, 40, SHORT if number % 2 else LONG, 8)
    assert np.allclose(biased(bias, "duration", [SHORT, LONG]), 0, atol=0.05)


def test_a_part_that_has_strayed_leans_back_and_more_the_further_it_is() -> None:
    bias = HistogramBias({BASS: row(duration={SHORT: 0.5, LONG: 0.5})}, NO_PACE)
    play(bias, 2 * NOTES_BETWEEN_LOOKS)
    short, long = biased(bias, "duration", [SHORT, LONG])
    assert short < 0 < long
    play(bias, 10 * NOTES_BETWEEN_LOOKS)
    assert biased(bias, "duration", [SHORT, LONG])[1] > long


def test_kinds_that_a_part_has_no_tendency_in_never_lean() -> None:
    bias = HistogramBias({BASS: row(duration={SHORT: 1.0})}, NO_PACE)
    play(bias, 40)
    assert biased(bias, "velocity", list(range(16))) == [0] * 16
    assert biased(bias, "duration", [SHORT], part=PAD) == [0]


def test_pitches_lean_by_tone_register_and_step() -> None:
    tone, register = int(tone_bin(np.array(40))), int(register_bin(np.array(40)))
    up, same = int(step_bin(np.array(12))), int(step_bin(np.array(0)))
    tendency = row(tone={tone: 1.0}, register={register: 0.5, register + 2: 0.5}, step={up: 0.5, same: 0.5})
    bias = HistogramBias({BASS: tendency}, NO_PACE)
    play(bias, 40)
    here, octave = biased(bias, "pitch", [40, 52], tick=1000)
    assert here < 0 < octave
    # A second note of a chord makes no step: only the register speaks for the octave.
    bias.heard(1000, BASS, 40, SHORT, 8)
    assert 0 < biased(bias, "pitch", [40, 52], tick=1000)[1] < octave


def test_a_part_that_plays_too_often_is_called_less() -> None:
    eighth, quarter = KINDS["gap"] // 2, KINDS["gap"] // 2 + 1
    bias = HistogramBias({BASS: row(gap={eighth: 0.1, quarter: 0.9})}, NO_PACE)
    gaps = {int(gap_bin(np.array(tick))): tick for tick in range(1, 100)}
    play(bias, 40, every=gaps[eighth])
    last = 39 * gaps[eighth]
    soon = biased(bias, "part", [BASS, PAD], tick=last + gaps[eighth])
    later = biased(bias, "part", [BASS, PAD], tick=last + gaps[quarter])
    assert soon[0] < 0 < later[0]
    assert soon[1] == later[1] == 0


def test_tendencies_move_with_the_key_and_drums_stay() -> None:
    rows = np.zeros((2, HISTOGRAMS_WIDTH), dtype=np.uint8)
    rows[:, COLUMNS["tone"]][:, 4] = FULL
    moved = template_histograms((DRUMS, BASS, PAD), (DRUMS, BASS), rows, 3, same_mode=True)
    assert PAD not in moved
    assert moved[BASS][COLUMNS["tone"]].argmax() == 7
    assert moved[DRUMS][COLUMNS["tone"]].argmax() == 4
    free = template_histograms((BASS,), (DRUMS, BASS), rows, 3, same_mode=False)
    assert not free


def test_every_pitch_and_every_step_has_a_bonus() -> None:
    bias = HistogramBias({BASS: row(tone={4: 1.0}, register={6: 1.0}, step={13: 1.0})}, NO_PACE)
    for lowest in (0, 127):
        bias.heard(0, BASS, lowest, SHORT, 8)
        assert np.isfinite(biased(bias, "pitch", list(range(VOCABULARY["pitch"])), tick=12)).all()


def test_what_returns_leans_less_and_copies_not_at_all() -> None:
    bias = HistogramBias({BASS: row(duration={SHORT: 0.5, LONG: 0.5})}, NO_PACE)
    play(bias, 40)
    new, varied, nearly, same = (biased(bias, "duration", [LONG], level=level)[0] for level in range(4))
    assert new > varied > nearly > same == 0


def test_a_band_in_a_hurry_leans_to_longer_advances_and_its_end_does_not_lean() -> None:
    time_shift_histogram = NO_PACE.copy()
    time_shift_histogram[time_shift_bin(np.array([0, 6, 12]))] = 0.2, 0.4, 0.4
    bias = HistogramBias({}, time_shift_histogram)
    assert biased(bias, "time_shift", [0, 6, 12, MAX_SHIFT, EOS]) == [0] * 5
    play(bias, 64, every=6)
    together, six, twelve, wait, end = biased(bias, "time_shift", [0, 6, 12, MAX_SHIFT, EOS])
    assert six < 0 < together < twelve
    assert wait == end == 0


def test_without_a_pace_no_advance_leans() -> None:
    bias = HistogramBias({}, NO_PACE)
    play(bias, 64)
    assert biased(bias, "time_shift", [0, 12]) == [0, 0]
