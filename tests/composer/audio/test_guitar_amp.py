import numpy as np
import pytest

from composer.audio.guitar_amp import amplify
from composer.audio.signal import SAMPLE_RATE, Mono


def sine(hertz: float, seconds: float = 2.0, level: float = 0.1) -> Mono:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def spectrum(sound: Mono) -> tuple[np.ndarray, np.ndarray]:
    middle = sound[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + SAMPLE_RATE]
    return np.fft.rfftfreq(len(middle), 1 / SAMPLE_RATE), np.abs(np.fft.rfft(middle * np.blackman(len(middle)))) ** 2


def test_silence_and_nothing_come_out_as_they_went_in() -> None:
    assert not amplify(np.zeros(1000, np.float32), 5.0).any()
    assert amplify(np.zeros(0, np.float32), 5.0).shape == (0,)


def test_it_adds_overtones_and_the_cabinet_keeps_only_its_band() -> None:
    hertz, power = spectrum(amplify(sine(220), 8.0))
    assert power[np.abs(hertz - 660) < 4].max() > 1e-3 * power.max()
    assert power[hertz > 9000].sum() < 1e-4 * power.sum()
    assert power[hertz < 40].sum() < 1e-3 * power.sum()


def test_more_drive_means_more_overtones() -> None:
    def overtones(drive: float) -> float:
        hertz, power = spectrum(amplify(sine(220), drive))
        return float(power[hertz > 330].sum() / power.sum())

    assert overtones(0.2) < overtones(2.0) < overtones(9.0)


def test_overtones_do_not_fold_back() -> None:
    fundamental = 987.0
    hertz, power = spectrum(amplify(sine(fundamental), 8.0))
    render_voices = np.abs(hertz - fundamental * np.rint(hertz / fundamental)) < 8
    assert 10 * np.log10(power[~render_voices].sum() / power[render_voices].sum()) < -60


def test_how_hard_the_guitar_was_recorded_does_not_matter() -> None:
    assert amplify(sine(110, level=0.001), 5.0) == pytest.approx(amplify(sine(110, level=0.5), 5.0), abs=1e-3)


def test_blocks_leave_no_seams_and_no_constant() -> None:
    sound = amplify(sine(440, seconds=4.0), 5.0)[SAMPLE_RATE:-SAMPLE_RATE]
    periods = sound[: len(sound) // 1200 * 1200].reshape(-1, 1200)
    assert np.abs(periods - periods[0]).max() < 2e-3 * np.abs(sound).max()
    assert abs(sound.mean()) < 1e-3
