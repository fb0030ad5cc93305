import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter, sosfilt, sosfreqz

from composer.audio.filters import (
    Section,
    apply_sections,
    dc_blocker,
    high_pass,
    high_shelf,
    low_pass,
    low_shelf,
    peak,
    recursive_filter,
    response,
)

ROOT = Path(__file__).parents[3]
DEEP: Section = dc_blocker(2 * np.pi * 15 / 48_000)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


@pytest.mark.parametrize("samples", [0, 1, 1000, 57_344, 57_345, 200_000])
@pytest.mark.parametrize("sections", [(low_pass(2.1, 0.7),), (low_shelf(0.02, -3.5), high_shelf(0.7, 3.0)), (DEEP,)])
def test_blocks_give_what_running_sections_give(samples: int, sections: tuple[Section, ...]) -> None:
    sound = noise(samples)
    expected = sosfilt(np.array(sections), sound.astype(np.float64)) if samples else sound
    assert apply_sections(sections, sound) == pytest.approx(expected, abs=1e-5)


def test_silence_before_and_after_a_sound_stays_silent() -> None:
    sound = np.zeros(400_000, np.float32)
    sound[200_000:200_100] = 1.0
    filtered = apply_sections((low_pass(0.1, 0.7),), sound)
    assert not filtered[:57_344].any()
    assert np.abs(filtered[57_344:199_900]).max() < 1e-6
    assert not filtered[-57_344:].any()


def test_the_gain_is_that_of_the_sections() -> None:
    sections = (low_pass(0.5, 2.0), high_shelf(1.0, 6.0))
    _, expected = sosfreqz(np.array(sections), 2 * np.pi * np.arange(129) / 256)
    assert response(sections, 256) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("angle", "sign"), [(0.01, -1), (0.01, 1), (1.0, -1), (1.0, 1)])
def test_a_shelf_lifts_one_end_and_leaves_the_other(angle: float, sign: int) -> None:
    shelf = high_shelf if sign > 0 else low_shelf
    gain = 20 * np.log10(np.abs(response((shelf(angle, 4.0),), 65_536)))
    low, high = gain[0], gain[-1]
    assert (high, low) == pytest.approx((4.0, 0.0) if sign > 0 else (0.0, 4.0), abs=1e-3)


def test_each_filter_has_its_gain_at_its_frequency() -> None:
    at = 65_536 // 64  # bin of 2π / 64 radians a sample
    angle = 2 * np.pi / 64
    gains = {
        name: 20 * np.log10(np.maximum(np.abs(response((section,), 65_536)), 1e-9))
        for name, section in {
            "low": low_pass(angle, np.sqrt(0.5)),
            "high": high_pass(angle, np.sqrt(0.5)),
            "peak": peak(angle, 6.0, 1.0),
        }.items()
    }
    assert gains["low"][[0, at]] == pytest.approx([0, -3.01], abs=0.01)
    assert gains["high"][[at, -1]] == pytest.approx([-3.01, 0], abs=0.01)
    assert gains["peak"][[0, at, -1]] == pytest.approx([0, 6, 0], abs=0.01)


def test_an_array_of_angles_gives_the_coefficients_of_each() -> None:
    angles = np.array([0.1, 0.7, 2.0])
    columns = low_pass(angles, 1.3)
    for index, angle in enumerate(angles):
        one = low_pass(float(angle), 1.3)
        assert [float(np.broadcast_to(column, 3)[index]) for column in columns] == pytest.approx(one)


def test_feeding_back_with_constant_coefficients_is_an_ordinary_filter() -> None:
    signal = noise(5000)
    columns = (np.full(5000, -1.8), np.full(5000, 0.9))
    expected = lfilter([1.0], [1.0, -1.8, 0.9], signal.astype(np.float64))
    assert recursive_filter(signal, *columns) == pytest.approx(expected, abs=1e-3)


def test_feeding_back_with_moving_coefficients_is_the_sum_it_says() -> None:
    signal = noise(300)
    first, second = np.linspace(-1.9, -0.2, 300), np.linspace(0.95, 0.1, 300)
    expected = np.zeros(300)
    for n in range(300):
        expected[n] = signal[n]
        expected[n] -= first[n - 1] * expected[n - 1] if n > 0 else 0
        expected[n] -= second[n - 2] * expected[n - 2] if n > 1 else 0
    assert recursive_filter(signal, first, second) == pytest.approx(expected, abs=1e-3)


def test_sound_is_made_without_the_heavy_half_of_scipy() -> None:
    code = (
        "import sys\n"
        "from composer.audio.mix import mix\n"
        "from midi_data.song import Note, Song, Track\n"
        "mix(Song((Track(30, is_drum=False, notes=(Note(0, 40, 24, 100),)),)))\n"
        "print([name for name in ('scipy.signal', 'scipy.ndimage', 'scipy.stats') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
