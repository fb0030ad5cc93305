"""Logits are biased towards the planned histograms where the notes deviate from them, and nowhere else."""

import numpy as np

from composer.decoding.biases.histogram_bias import NOTES_BETWEEN_UPDATES, HistogramBias
from composer.decoding.biases.repetition_bias import RepetitionPlan
from composer.planning.form import Shares
from midi_data.analysis.attribute_histograms import (
    ATTRIBUTES,
    COLUMNS,
    HISTOGRAMS_WIDTH,
    TIME_SHIFT_BINS,
    gap_bin,
    register_bin,
    step_bin,
    time_shift_bin,
    tone_bin,
)
from midi_data.analysis.repetition import NEW
from midi_data.events.encoding import EOS, MAX_SHIFT, VOCABULARY, part_code
from tests.composer.decoding.states import state_at

BASS, DRUMS, PAD = part_code(33, is_drum=False), part_code(0, is_drum=True), part_code(89, is_drum=False)
BAND = (BASS, DRUMS, PAD)
SHORT, LONG = 5, 20
NO_SHARES = np.zeros(TIME_SHIFT_BINS)


def row(**shares: dict[int, float]) -> Shares:
    """Attribute histograms with the given shares of some bins."""
    made = np.zeros(HISTOGRAMS_WIDTH)
    for kind, bins in shares.items():
        for index, share in bins.items():
            made[COLUMNS[kind]][index] = share
    return made


def bias_of(attribute_histograms: dict[int, Shares], time_shift_histogram: Shares = NO_SHARES) -> HistogramBias:
    """A bias in a song whose bars 0 … 3 have the similarity levels 0 … 3."""
    labels = [NEW, *(2 + level for level in range(3))]
    plan = RepetitionPlan(BAND, labels, np.array([[label] * len(BAND) for label in labels], dtype=np.uint8))
    return HistogramBias(attribute_histograms, time_shift_histogram, plan)


def biased(
    bias: HistogramBias, field: str, classes: list[int], tick: int = 0, part: int = BASS, level: int = 0
) -> list[float]:
    logits = [0.0] * len(classes)
    chosen = -1 if field in ("time_shift", "part") else part
    bias.apply(field, classes, logits, state_at(BAND, tick, chosen, bar=level))
    return logits


def play(bias: HistogramBias, count: int, *, pitch: int = 40, duration: int = SHORT, every: int = 12) -> None:
    for number in range(count):
        bias.update((number * every, BASS, pitch, duration, 8))


def test_there_is_no_bias_before_the_first_note() -> None:
    bias = bias_of({BASS: row(duration={SHORT: 0.5, LONG: 0.5})})
    assert biased(bias, "duration", [SHORT, LONG]) == [0, 0]


def test_a_part_that_follows_its_histograms_has_no_bias() -> None:
    bias = bias_of({BASS: row(duration={SHORT: 0.5, LONG: 0.5})})
    for number in range(40):
        bias.update((number * 12, BASS, 40, SHORT if number % 2 else LONG, 8))
    assert np.allclose(biased(bias, "duration", [SHORT, LONG]), 0, atol=0.05)


def test_the_bias_grows_with_the_deviation() -> None:
    bias = bias_of({BASS: row(duration={SHORT: 0.5, LONG: 0.5})})
    play(bias, 2 * NOTES_BETWEEN_UPDATES)
    short, long = biased(bias, "duration", [SHORT, LONG])
    assert short < 0 < long
    play(bias, 10 * NOTES_BETWEEN_UPDATES)
    assert biased(bias, "duration", [SHORT, LONG])[1] > long


def test_attributes_without_a_histogram_have_no_bias() -> None:
    bias = bias_of({BASS: row(duration={SHORT: 1.0})})
    play(bias, 40)
    assert biased(bias, "velocity", list(range(16))) == [0] * 16
    assert biased(bias, "duration", [SHORT], part=PAD) == [0]


def test_pitches_are_biased_by_tone_register_and_step() -> None:
    tone, register = int(tone_bin(np.array(40))), int(register_bin(np.array(40)))
    up, same = int(step_bin(np.array(12))), int(step_bin(np.array(0)))
    histograms = row(tone={tone: 1.0}, register={register: 0.5, register + 2: 0.5}, step={up: 0.5, same: 0.5})
    bias = bias_of({BASS: histograms})
    play(bias, 40)
    here, octave = biased(bias, "pitch", [40, 52], tick=1000)
    assert here < 0 < octave
    # The second note of a chord makes no step, so only the register favours the octave.
    bias.update((1000, BASS, 40, SHORT, 8))
    assert 0 < biased(bias, "pitch", [40, 52], tick=1000)[1] < octave


def test_gaps_that_are_too_frequent_lower_the_part() -> None:
    eighth, quarter = ATTRIBUTES["gap"] // 2, ATTRIBUTES["gap"] // 2 + 1
    bias = bias_of({BASS: row(gap={eighth: 0.1, quarter: 0.9})})
    gaps = {int(gap_bin(np.array(tick))): tick for tick in range(1, 100)}
    play(bias, 40, every=gaps[eighth])
    last = 39 * gaps[eighth]
    soon = biased(bias, "part", [BASS, PAD], tick=last + gaps[eighth])
    later = biased(bias, "part", [BASS, PAD], tick=last + gaps[quarter])
    assert soon[0] < 0 < later[0]
    assert soon[1] == later[1] == 0


def test_every_pitch_and_every_step_has_a_bonus() -> None:
    bias = bias_of({BASS: row(tone={4: 1.0}, register={6: 1.0}, step={13: 1.0})})
    for lowest in (0, 127):
        bias.update((0, BASS, lowest, SHORT, 8))
        assert np.isfinite(biased(bias, "pitch", list(range(VOCABULARY["pitch"])), tick=12)).all()


def test_the_bias_falls_with_similarity_and_copies_have_none() -> None:
    bias = bias_of({BASS: row(duration={SHORT: 0.5, LONG: 0.5})})
    play(bias, 40)
    new, varied, nearly, same = (biased(bias, "duration", [LONG], level=level)[0] for level in range(4))
    assert new > varied > nearly > same == 0


def test_short_time_shifts_that_are_too_frequent_are_lowered_and_the_end_has_no_bias() -> None:
    time_shift_histogram = NO_SHARES.copy()
    time_shift_histogram[time_shift_bin(np.array([0, 6, 12]))] = 0.2, 0.4, 0.4
    bias = bias_of({}, time_shift_histogram)
    assert biased(bias, "time_shift", [0, 6, 12, MAX_SHIFT, EOS]) == [0] * 5
    play(bias, 64, every=6)
    together, six, twelve, wait, eos = biased(bias, "time_shift", [0, 6, 12, MAX_SHIFT, EOS])
    assert six < 0 < together < twelve
    assert wait == eos == 0


def test_without_a_histogram_time_shifts_have_no_bias() -> None:
    bias = bias_of({})
    play(bias, 64)
    assert biased(bias, "time_shift", [0, 12]) == [0, 0]
