import numpy as np
import pytest

from composer.audio.effects import apply_shelves, compress_bus, equalize, fade_out, scale_width, soft_clip
from composer.audio.signal import SAMPLE_RATE, Audio


def sine(hertz: float, level: float = 0.1, seconds: float = 1.0) -> Audio:
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


def level_db(sound: Audio) -> float:
    return float(10 * np.log10(np.square(sound[len(sound) // 2 :]).mean()))


@pytest.mark.parametrize(("hertz", "gain"), [(30, -3.0), (1000, 0.0), (16_000, 2.0)])
def test_shelves_change_only_their_end_of_the_spectrum(hertz: float, gain: float) -> None:
    sound = sine(hertz)
    assert level_db(apply_shelves(sound.copy(), -3.0, 2.0)) - level_db(sound) == pytest.approx(gain, abs=0.15)


def test_no_shelf_is_no_work() -> None:
    sound = sine(100)
    assert apply_shelves(sound, 0.0, 0.0) is sound


@pytest.mark.parametrize("gain", [1.0, 0.25])
def test_soft_clipping_bends_peaks_and_leaves_the_rest(gain: float) -> None:
    sound = np.array([[0.1, -0.2], [0.9, -3.0], [0.35, 0.0]], np.float32)
    clipped = soft_clip((sound / gain).astype(np.float32), gain, 0.5)
    assert np.abs(clipped).max() <= 0.5
    assert clipped[1, 0] > 0.45
    assert clipped[1, 1] < -0.45
    assert clipped[[0, 2]] == pytest.approx(sound[[0, 2]])


def test_a_constant_and_what_nobody_hears_are_taken_out() -> None:
    assert abs(equalize(sine(440) + np.float32(0.3))[-4800:].mean()) < 1e-3
    assert level_db(equalize(sine(20_000))) < level_db(sine(20_000)) - 20


@pytest.mark.parametrize("hertz", [50, 440, 12_000])
def test_what_is_heard_passes_the_band(hertz: float) -> None:
    assert level_db(equalize(sine(hertz))) == pytest.approx(level_db(sine(hertz)), abs=0.5)


def test_glue_brings_loud_passages_nearer_to_quiet_ones() -> None:
    song = np.concatenate([sine(440, 0.1, 2.0), sine(440, 0.4, 2.0)])
    glued = compress_bus(song.copy())
    contrast = level_db(song) - level_db(song[: len(song) // 2])
    assert level_db(glued) - level_db(glued[: len(song) // 2]) < contrast - 0.3


@pytest.mark.parametrize("samples", [0, 10, 48_000])
def test_glue_takes_silence_and_fragments(samples: int) -> None:
    assert not compress_bus(np.zeros((samples, 2), np.float32)).any()


def test_a_fade_ends_at_zero_and_changes_nothing_before() -> None:
    sound = sine(440)
    faded = fade_out(sound, 0.25)
    assert np.abs(faded[-10:]).max() < 1e-6
    assert np.array_equal(faded[: SAMPLE_RATE // 2], sound[: SAMPLE_RATE // 2])


def test_a_fade_longer_than_the_sound_fades_all_of_it() -> None:
    assert fade_out(sine(440, seconds=0.1), 2.0).shape == (4800, 2)


@pytest.mark.parametrize(
    ("gains", "hertz"), [((-3.0, 0.0, 0.0), 40), ((0.0, 2.5, 0.0), 2000), ((0.0, 0.0, 4.0), 14_000)]
)
def test_the_equalizer_changes_its_own_band(gains: tuple[float, float, float], hertz: float) -> None:
    for frequency in (40, 2000, 14_000):
        change = level_db(equalize(sine(frequency), *gains)) - level_db(equalize(sine(frequency)))
        assert change == pytest.approx(sum(gains) if frequency == hertz else 0.0, abs=0.6)


def test_width_scales_the_side_and_leaves_the_middle() -> None:
    sound = np.stack([np.full(10, 0.5), np.full(10, 0.1)], axis=1).astype(np.float32)
    wider = scale_width(sound.copy(), 2.0)
    assert wider.sum(axis=1) == pytest.approx(sound.sum(axis=1))
    assert wider[:, 0] - wider[:, 1] == pytest.approx(2 * (sound[:, 0] - sound[:, 1]))
