import warnings

import numpy as np
import pytest
from scipy.signal import resample_poly

from composer.audio.effects import equalize
from composer.audio.mastering import (
    CEILING_DBTP,
    SILENCE_LUFS,
    TARGET_LUFS,
    integrated_loudness,
    limit,
    master,
    true_peak,
)
from composer.audio.signal import SAMPLE_RATE, Audio, amplitude, decibels


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> Audio:
    shape = (round(seconds * SAMPLE_RATE), 2)
    return np.random.default_rng(seed).normal(0, level, shape).astype(np.float32)


def swelling_noise() -> Audio:
    audio = noise(6)
    audio *= (np.sin(np.arange(len(audio)) / SAMPLE_RATE * 2) ** 8)[:, None].astype(np.float32)
    return audio


@pytest.mark.parametrize("audio", [noise(3), swelling_noise(), np.cumsum(noise(3), axis=0) * np.float32(1e-3)])
def test_loudness_is_what_an_independent_meter_says(audio: Audio) -> None:
    import pyloudnorm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meter = pyloudnorm.Meter(SAMPLE_RATE, filter_class="DeMan").integrated_loudness(audio.astype(float))
    assert integrated_loudness(audio) == pytest.approx(meter, abs=0.05)


def test_a_full_scale_sine_on_one_channel_is_minus_three_lufs() -> None:
    audio = np.zeros((SAMPLE_RATE, 2), np.float32)
    audio[:, 0] = np.sin(2 * np.pi * 997 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert integrated_loudness(audio) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("samples", [0, 100, SAMPLE_RATE])
def test_silence_and_fragments_are_at_the_gate(samples: int) -> None:
    assert integrated_loudness(np.zeros((samples, 2), np.float32)) == SILENCE_LUFS


def test_the_true_peak_lies_between_the_samples() -> None:
    quarter = np.sin(np.pi / 2 * np.arange(4800) + np.pi / 4)
    audio = np.repeat(quarter[:, None], 2, axis=1).astype(np.float32)
    assert np.abs(audio).max() == pytest.approx(0.7071, abs=1e-3)
    assert true_peak(audio) == pytest.approx(1.0, abs=0.02)


def test_the_true_peak_of_nothing_is_nothing() -> None:
    assert true_peak(np.zeros((0, 2), np.float32)) == 0.0


@pytest.mark.parametrize("level", [0.01, 0.1, 3.0])
def test_a_master_has_the_target_loudness_under_the_ceiling(level: float) -> None:
    mastered = master(equalize(swelling_noise() * np.float32(level)))
    assert integrated_loudness(mastered) == pytest.approx(TARGET_LUFS, abs=0.5)
    assert decibels(np.abs(resample_poly(mastered, 4, 1, axis=0)).max()) < CEILING_DBTP + 0.1


def test_silence_stays_silence_in_the_master() -> None:
    assert not master(np.zeros((SAMPLE_RATE, 2), np.float32)).any()


def test_the_limiter_leaves_quiet_sound_alone_and_recovers_after_a_peak() -> None:
    audio = noise(1, level=0.01)
    assert limit(audio, 0.5) is audio
    audio[SAMPLE_RATE // 4] = 0.99
    limited = limit(audio, 0.5)
    assert np.abs(limited).max() <= 0.5
    assert limited[-1] == pytest.approx(audio[-1], rel=1e-2)


def test_decibels_and_amplitude_are_inverse() -> None:
    assert decibels(amplitude(-7.5)) == pytest.approx(-7.5)
    assert decibels(0.0) == -200
